"""What lies below a relationship, as people read it: consents, data, and what was refused for her."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from vrmproto.cli import choosing
from vrmproto.cli.output import styled

if TYPE_CHECKING:
    from vrmproto.agents import Consent, CustomerAgent, Held, Standing, VendorAgent
    from vrmproto.proving import Proof

__all__ = ["document", "of_organisation", "of_person", "tell", "tell_proof"]


async def of_person(me: CustomerAgent, one: Standing) -> dict[str, Any]:
    """What lies below a relationship of hers, and whether the home's view of it is what her copies say.

    What was refused is what the home says; both are None if it does not show the relationship.
    """
    from vrmproto.agents import AgentError

    refused: Mapping[str, Any] | None = None
    proof: Proof | None = None
    try:
        view = await me.relationship(one.thid)
        refused = {"refused": view.get("refused", []), "refused_more": view.get("refused_more", 0)}
        proof = await me.proven(one.thid, view)
    except AgentError:
        pass
    return {**_below(me.consents(), me.what_they_have(), one), "refused": refused, "proof": proof}


async def of_organisation(own: VendorAgent, one: Standing, compare: bool) -> dict[str, Any]:
    """What lies below a relationship of an organisation, and if it is asked for whether the home says so."""
    from vrmproto.agents import AgentError

    proof: Proof | None = None
    if compare:
        try:
            proof = await own.proven(one.thid)
        except AgentError as error:
            typer.echo(f"vrmproto: {error}", err=True)
    return {**_below(own.consents(), own.what_we_have(), one), "proof": proof}


def _below(consents: Sequence[Consent], held: Sequence[Held], one: Standing) -> dict[str, Any]:
    return {
        "consents": [c for c in consents if c.relationship == one.thid and c.live],
        "held": [h for h in held if h.relationship == one.thid],
    }


def document(
    consents: Sequence[Consent],
    held: Sequence[Held],
    refused: Mapping[str, Any] | None,
    proof: Proof | None = None,
) -> dict[str, Any]:
    """All of it as JSON, without the data themselves."""
    names = ("thid", "mid", "type", "purpose", "fields", "categories", "since", "as_of", "verified_as_of")
    listed = [
        {"consent": one.thid, "purposes": list(one.purposes), "valid_until": one.deadline} for one in consents
    ]
    shown: dict[str, Any] = {
        "consents": listed,
        "data": [{n: getattr(one, n) for n in (*names, "state")} for one in held],
    }
    if proof is not None:
        shown["view"] = {
            "agrees": proof.ok,
            "differences": [
                {"place": d.place, "requirement": d.requirement, "detail": d.detail}
                for d in proof.differences
            ],
            "trusted": list(proof.trusted),
        }
    return shown if refused is None else {**shown, **refused}


def tell_proof(proof: Proof | None) -> None:
    """Whether the home shows what the own copies say, and where it shows something else (VRM-STD-010)."""
    if proof is None:
        return
    if proof.ok:
        typer.echo("  what the home shows is what your own copies say")
        return
    typer.echo("  " + styled("THE HOME SHOWS SOMETHING ELSE than your own copies say:", fg="red"))
    for one in proof.differences:
        typer.echo(f"    {one.place}: {one.detail} ({one.requirement})")


def tell(consents: Sequence[Consent], held: Sequence[Held], refused: Mapping[str, Any] | None) -> None:
    """All of it for people."""
    for consent in consents:
        purposes, until = ", ".join(map(_short, consent.purposes)), choosing.when(consent.deadline)
        typer.echo(f"  consent to {purposes} until {until}   {consent.thid}")
    for one in held:
        how = "shared" if one.type == "data.share" else "reported"
        right = f", verified as of {one.verified_as_of}" if one.verified_as_of else ""
        since = choosing.when(one.since)
        typer.echo(f"  {how} at {since}: {', '.join(one.fields)}, for {_short(one.purpose)}{right}")
    if refused is None or not refused["refused"]:
        return
    many = Counter((r["type"], r["code"]) for r in refused["refused"])
    for (type_, code), times in many.items():
        last = next(r["at"] for r in refused["refused"] if (r["type"], r["code"]) == (type_, code))
        typer.echo(f"  refused for you: {type_} ({code}), {times} times, last at {choosing.when(last)}")
    if refused["refused_more"]:
        typer.echo(f"  and {refused['refused_more']} more")


def _short(iri: str) -> str:
    return iri.rpartition("#")[2] or iri
