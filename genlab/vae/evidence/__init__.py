"""The marginal likelihood ln p(x), exactly or estimated, and the parts of the bound."""
