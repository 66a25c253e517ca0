r"""The posteriors q(z|x) of images: diagonal Gaussians, or Gaussians bent by a flow.

The encoder gives the mean and the log standard deviation of a Gaussian. Standard Gaussian noise e
becomes a draw

    gaussian    z = mu(x) + sigma(x) e                                                      (1)
    flow        z = mu(x) + sigma(x) v,    v = g(e; x)                                      (2)

with an invertible map g that is conditioned on the image, so that

    ln q(z|x) = ln N(e; 0, I) - sum_d ln sigma_d - ln |det dg/de|                           (3)

(Rezende & Mohamed, 2015, equation 7). g consists of coupling layers: each keeps one half of the
coordinates and bends each of the others by a monotone rational-quadratic spline (Durkan et al.,
2019), whose parameters a network computes from the kept half and from features of the image, the
encoder's last hidden layer. For D = 1 there is no other half, and one curve depends on the image
alone. The splines act on [-B, B] and are the identity outside, so g maps [-B, B]^D onto itself;
training starts with g the identity, where (2) is (1). As in an inverse autoregressive flow
(Kingma et al., 2016) the direction from noise to z is the one that training needs.

With B = 5 a coordinate of e lies outside [-B, B] with probability 6e-7. Pairs of a point z and an
image with (z - mu) / sigma outside [-B, B]^D are left out of the aggregated posterior
q(z) = 1/N sum_n q(z|x_n): what is left out of ln q(z) is, on average over q(z), that probability,
1e-6 nats for D = 2.

The entropy of (2) and its cross-entropy to the prior are means over draws, in antithetic pairs,
in any number of dimensions: Gauss-Hermite quadrature is exact for polynomials, which a prior's
density along a spline is not.

References:
    | Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), section 3,
    | https://arxiv.org/abs/1505.05770
    | Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
    | https://arxiv.org/abs/1606.04934
    | Neural Spline Flows (Durkan et al., 2019), section 3, https://arxiv.org/abs/1906.04032

Shapes: N images, M points, H features, D latent dimensions; `*` any leading dimensions.
"""

from genlab.vae.posteriors.base import Posterior as Posterior
from genlab.vae.posteriors.flow import FlowPosterior as FlowPosterior
from genlab.vae.posteriors.gaussian import GaussianPosterior as GaussianPosterior
from genlab.vae.posteriors.gaussian import gaussian_entropy as gaussian_entropy
from genlab.vae.posteriors.network import BOUND as BOUND
from genlab.vae.posteriors.network import ConditionalFlow as ConditionalFlow
