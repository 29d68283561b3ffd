"""Profiles of real drivers: read by the converter and by the host runtime, which agree on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nnapi_runtime
from nnapi_core.nnapi.device_profile import DeviceProfile
from tests.runtime.c_api import codes
from tests.runtime.devices.drivers import PROFILES, simulated, write_devices
from tests.runtime.ops.shape.test_densify import GOOD, densified
from tests.runtime.test_probe import probe, run  # noqa: F401  (a fixture)

COUNTS = {"verisilicon-nn-sl": 84, "onert-nnapi": 77, "nnapi-reference": 106}


def test_all_profiles_are_counted() -> None:
    assert {file.stem for file in PROFILES.glob("*.json")} == COUNTS.keys()


@pytest.mark.parametrize("name", COUNTS)
def test_a_profile_names_its_sources(name: str) -> None:
    document = json.loads((PROFILES / f"{name}.json").read_text())
    assert document["name"] == name
    assert document["sources"] and all(s.startswith("https://") for s in document["sources"])
    assert len(DeviceProfile.read(PROFILES / f"{name}.json").operations) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_the_simulated_driver_takes_what_its_profile_says(
    name: str,
    probe: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """nnapi-probe, which asks through NNAPI, writes the profile that the device was made from."""
    profile = PROFILES / f"{name}.json"
    devices = write_devices([{"type": "accelerator", "profile": str(profile)}], tmp_path)
    monkeypatch.setenv("NNAPI_HOST_DEVICES", str(devices))
    monkeypatch.setenv("NNAPI_HOST_LOG", "0")
    library = nnapi_runtime.host_library()
    assert run(probe, "--library", library, "--list").stdout.split() == [name, "torch-nnapi-host"]
    done = run(probe, "--library", library, "--device", name)
    assert done.returncode == 0, done.stderr
    asked, said = json.loads(done.stdout), json.loads(profile.read_text())
    assert (asked["name"], asked["feature_level"]) == (f"{name} 1.0", said["feature_level"])
    assert asked["operations"].keys() == said["operations"].keys()
    for operation, types in asked["operations"].items():
        assert set(types) <= set(said["operations"][operation]), operation
    # Types that are in no form of an operation that is taken as a whole are in no answer.
    more = sum(len(said["operations"][o]) - len(t) for o, t in asked["operations"].items())
    assert more <= 12


def test_what_is_of_no_level_is_left_to_the_cpu(tmp_path: Path) -> None:
    """DENSIFY is in Android's experimental level only: no driver says that it takes it."""
    with simulated([{"name": "newest", "type": "accelerator"}], tmp_path):
        status, result = densified(GOOD, codes.TENSOR_FLOAT32, (2, 3), (2, 3))
    assert status == "NO_ERROR"
    assert result.tolist() == [[0, 0, 1], [0, 2, 0]]
