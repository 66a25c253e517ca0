"""The works that a report may cite."""

__all__ = ["REFERENCES", "reference"]

from genlab.fid.metrics import METRICS

REFERENCES = {
    "vae": "Kingma D P, Welling M. Auto-Encoding Variational Bayes. ICLR, 2014. arXiv:1312.6114.",
    "surgery": "Hoffman M D, Johnson M J. ELBO Surgery: Yet Another Way to Carve Up the "
    "Variational Evidence Lower Bound. NIPS Workshop on Advances in Approximate Bayesian "
    "Inference, 2016.",
    "vamp": "Tomczak J M, Welling M. VAE with a VampPrior. AISTATS, 2018. arXiv:1705.07120.",
    "mnist": "LeCun Y, Bottou L, Bengio Y, Haffner P. Gradient-Based Learning Applied to "
    "Document Recognition. Proceedings of the IEEE, 86(11), 1998.",
    "binarise": "Salakhutdinov R, Murray I. On the Quantitative Analysis of Deep Belief "
    "Networks. ICML, 2008.",
    "fourier": "Tancik M, Srinivasan P P, Mildenhall B, et al. Fourier Features Let Networks Learn "
    "High Frequency Functions in Low Dimensional Domains. NeurIPS, 2020. arXiv:2006.10739.",
    "adam": "Kingma D P, Ba J. Adam: A Method for Stochastic Optimization. ICLR, 2015. "
    "arXiv:1412.6980.",
    "gan": "Goodfellow I, Pouget-Abadie J, Mirza M, et al. Generative Adversarial Nets. "
    "NeurIPS, 2014. arXiv:1406.2661.",
    "dcgan": "Radford A, Metz L, Chintala S. Unsupervised Representation Learning with Deep "
    "Convolutional Generative Adversarial Networks. ICLR, 2016. arXiv:1511.06434.",
    "projected": "Sauer A, Chitta K, Müller J, Geiger A. Projected GANs Converge Faster. "
    "NeurIPS, 2021. arXiv:2111.01007.",
    "fastgan": "Liu B, Zhu Y, Song K, Elgammal A. Towards Faster and Stabilized GAN Training "
    "for High-Fidelity Few-Shot Image Synthesis. ICLR, 2021. arXiv:2101.04775.",
    "efficientnet": "Tan M, Le Q V. EfficientNet: Rethinking Model Scaling for Convolutional "
    "Neural Networks. ICML, 2019. arXiv:1905.11946.",
    "diffaugment": "Zhao S, Liu Z, Lin J, Zhu J-Y, Han S. Differentiable Augmentation for "
    "Data-Efficient GAN Training. NeurIPS, 2020. arXiv:2006.10738.",
    "hinge": "Lim J H, Ye J C. Geometric GAN. 2017. arXiv:1705.02894.",
    "spectral": "Miyato T, Kataoka T, Koyama M, Yoshida Y. Spectral Normalization for "
    "Generative Adversarial Networks. ICLR, 2018. arXiv:1802.05957.",
    "ema": "Yazıcı Y, Foo C-S, Winkler S, et al. The Unusual Effectiveness of Averaging in GAN "
    "Training. ICLR, 2019. arXiv:1806.04498.",
    "adafactor": "Shazeer N, Stern M. Adafactor: Adaptive Learning Rates with Sublinear Memory "
    "Cost. ICML, 2018. arXiv:1804.04235.",
    "r1": "Mescheder L, Geiger A, Nowozin S. Which Training Methods for GANs do actually "
    "Converge? ICML, 2018. arXiv:1801.04406.",
    "fid": "Heusel M, Ramsauer H, Unterthiner T, Nessler B, Hochreiter S. GANs Trained by a Two "
    "Time-Scale Update Rule Converge to a Local Nash Equilibrium. NeurIPS, 2017. "
    "arXiv:1706.08500.",
    "lowrank": "Mathiasen A, Hvilshøj F. Backpropagating through Fréchet Inception Distance. "
    "2020. arXiv:2009.14075.",
}
"""By the key that `Writer.cite` takes."""


def reference(key: str) -> str:
    """Returns a work: one of `REFERENCES`, or that of the metric whose first quantity has the key."""
    if key in REFERENCES:
        return REFERENCES[key]
    return next(m.reference for m in METRICS if m.quantities[0].key == key)
