"""Where the numbers of a training go: TensorBoard, MLflow, W&B, or an object of the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from kgrec.errors import ConfigError

TrackerName = Literal["tensorboard", "mlflow", "wandb"]


class Tracker(Protocol):
    """What takes the numbers of a training."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """New numbers: losses, `validation` where it was looked at, `seconds` so far.

        Parameters
        ----------
        step : int
            The epoch.
        """

    def close(self) -> None:
        """No more will come."""


def open_tracker(tracker: TrackerName | Tracker, folder: Path, settings: Mapping[str, Any]) -> Tracker:
    """The tracker itself, or one of those known by name.

    Parameters
    ----------
    folder : Path
        TensorBoard's files go there; its name is that of the run elsewhere.
    settings : mapping
        Noted with the run.

    Raises
    ------
    ConfigError
        If the name is unknown or the package is not installed.
    """
    if not isinstance(tracker, str):
        missing = [name for name in ("log", "close") if not callable(getattr(tracker, name, None))]
        if missing:
            raise ConfigError(
                f"tracker {tracker!r} has no method {' and no '.join(missing)}: log(values, step), close()"
            )
        return tracker
    try:
        match tracker:
            case "tensorboard":
                return _TensorBoard(folder)
            case "mlflow":
                return _MLflow(folder.name, settings)
            case "wandb":
                return _WandB(folder, settings)
    except ImportError as error:
        raise ConfigError(
            f"tracker={tracker!r} needs a package that is not installed: pip install {tracker}"
        ) from error
    raise ConfigError(f"tracker is {tracker!r}, expected one of {', '.join(get_args(TrackerName))}, or an object")


class _TensorBoard:
    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


class _MLflow:
    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        import mlflow

        self.mlflow, self.own = mlflow, mlflow.active_run() is None  # a run of the caller's is left open
        if self.own:
            mlflow.start_run(run_name=name)
        mlflow.log_params({key: str(value) for key, value in settings.items()})

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.mlflow.log_metrics(dict(values), step=step)

    def close(self) -> None:
        if self.own:
            self.mlflow.end_run()


class _WandB:
    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self.own = wandb.run is None
        self.run = wandb.run or wandb.init(name=folder.name, dir=str(folder), config=dict(settings))

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def close(self) -> None:
        if self.own:
            self.run.finish()
