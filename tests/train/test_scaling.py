"""Where and how many workers run is Ray Train's business, told by our settings."""

import pytest
from pydantic import ValidationError

from cluster.settings import TrainSettings
from train.placement import scaling


def test_scaling_is_fixed_by_default() -> None:
    config = scaling(TrainSettings(num_workers=3), cpus=2)
    assert (config.num_workers, config.use_gpu) == (3, False)
    assert config.resources_per_worker == {"CPU": 2}
    assert (config.accelerator_type, config.label_selector) == (None, None)


def test_scaling_between_two_numbers_is_elastic() -> None:
    assert scaling(TrainSettings(num_workers=8, min_workers=2), cpus=1).num_workers == (2, 8)


def test_scaling_on_gpus_says_which_and_where() -> None:
    settings = TrainSettings(use_gpu=True, accelerator_type="H100", node_labels={"pool": "spot"})
    config = scaling(settings, cpus=4)
    assert config.resources_per_worker == {"CPU": 4, "GPU": 1}
    assert (config.accelerator_type, config.label_selector) == ("H100", {"pool": "spot"})


def test_fewer_workers_at_most_than_at_least_are_refused() -> None:
    with pytest.raises(ValidationError, match="min_workers=4 is more than num_workers=2"):
        TrainSettings(num_workers=2, min_workers=4)
