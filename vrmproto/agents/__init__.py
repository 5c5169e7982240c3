"""Agents of the two parties: they keep their own copies, and verify what a home tells them."""

from __future__ import annotations

from vrmproto.agents.agent import Agent, ThreadView
from vrmproto.agents.chain import ChainError
from vrmproto.agents.changing import Change, Outcome
from vrmproto.agents.choosing import Offer
from vrmproto.agents.consenting import Consent
from vrmproto.agents.customer import CustomerAgent
from vrmproto.agents.feeds import Intent
from vrmproto.agents.inbox import Event
from vrmproto.agents.keeping import Field
from vrmproto.agents.papers import KeptRecord
from vrmproto.agents.policy import Policy
from vrmproto.agents.purging import Due
from vrmproto.agents.relating import Agreed, Invitation, Standing
from vrmproto.agents.rules import OfferRule
from vrmproto.agents.sender import AgentError, Refused, Sent
from vrmproto.agents.sharing import Correction, DataRequest, Held
from vrmproto.agents.talking import Dialogue
from vrmproto.agents.vendor import VendorAgent
from vrmproto.agents.wire import WireError

__all__ = [
    "Agent",
    "AgentError",
    "Agreed",
    "ChainError",
    "Change",
    "Consent",
    "Correction",
    "CustomerAgent",
    "DataRequest",
    "Dialogue",
    "Due",
    "Event",
    "Field",
    "Held",
    "Intent",
    "Invitation",
    "KeptRecord",
    "Offer",
    "OfferRule",
    "Outcome",
    "Policy",
    "Refused",
    "Sent",
    "Standing",
    "ThreadView",
    "VendorAgent",
    "WireError",
]
