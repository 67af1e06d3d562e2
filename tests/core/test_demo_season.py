"""The whole season, fifty-two weeks, through the pure cores: what is admitted, and which findings monitoring makes of it.

The expectation comes from the naive oracle, which shares no code with the cores.
"""

from __future__ import annotations

import pytest

from deploy.demo import season
from services.monitoring.core.instants import instant_of, moment
from shared.contracts.events.monitoring import InterimMeasureTaken
from shared.contracts.pilot import StartMode
from tests.journeys import oracle
from tests.journeys.simulated import findings_of, play, registered


@pytest.mark.parametrize("show", season.load(), ids=lambda show: show.name)
def test_every_application_is_registered_and_starts_by_itself(show: season.Show) -> None:
    event = registered(show)
    assert event.tier == 2
    assert "live_crowd" in {one.code for one in event.criteria if one.decisive}
    assert event.start_mode is StartMode.STANDSTILL
    assert event.start_at == oracle.START
    assert set(event.documents) == {"disclosure", "complaint_channel", "rights_proof", "safety_plan", "gate_permit"}
    assert [(gate.requires, gate.held is not None) for gate in event.gates] == [("permit", True)]
    assert event.lead_authority == "prov_79_culture"


@pytest.mark.parametrize("show", season.load(), ids=lambda show: show.name)
def test_the_cores_find_what_the_oracle_expects(show: season.Show) -> None:
    pilot = play(show)
    expected = [one for one in oracle.season().findings if one.show == show.name]
    assert sorted(findings_of(pilot)) == sorted(expected)
    crowd = [one for one in expected if one.rule == "cap_exceeded" and one.subject == oracle.CROWD]
    measures = [one for one in pilot.told if isinstance(one, InterimMeasureTaken)]
    assert [one.at for one in measures] == sorted(one.opened for one in crowd)
    assert all(moment(instant_of(one.at)) == one.at for one in measures)
