"""The hardware that the last session of a run used."""

__all__ = ["hardware_of_last_session"]

from genlab.configs.hardware import HardwareConfig
from genlab.runs.run import Run


def hardware_of_last_session(run: Run) -> HardwareConfig:
    """Returns the hardware of a run's last session; the processor where there is no GPU now."""
    last = run.env.sessions[-1]
    device = "cpu" if last.device == "cpu" else "auto"
    return HardwareConfig(device=device, precision=last.precision, compile=last.compiled)
