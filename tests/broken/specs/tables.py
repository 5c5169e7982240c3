"""Homes over tables with one row, guard or state changed."""

from __future__ import annotations

from tests.broken.specs.tools import edit, guard, mutant, read, remove, replace, row, state

CODES = [entry["code"] for entry in read("errors.json")["codes"]]

# --- rows ----------------------------------------------------------------------------------------

mutant(
    "row-asks-no-head",
    "VRM-THR-012",
    "The acceptance of an alternative need not have seen it.",
    row("terms", "terms.accept", "remove", "prev", None, 1),
)
mutant(
    "row-amend-asks-no-head",
    "VRM-THR-012",
    "An amendment need not have seen the last message.",
    row("intent", "intent.amend", "remove", "prev"),
)
mutant(
    "row-take-asks-no-head",
    "VRM-THR-012",
    "The acceptance of an offer need not have seen the last message.",
    row("offer", "offer.accept", "remove", "prev"),
)
mutant(
    "row-reject-asks-head",
    "VRM-THR-013",
    "The rejection of an alternative has to name the last message of the thread.",
    row("terms", "terms.reject", "add", "prev", "head", 1),
)
mutant(
    "row-withdraw-asks-head",
    "VRM-THR-013",
    "A withdrawal has to name the last message of the thread.",
    row("terms", "terms.withdraw", "add", "prev", "head"),
)
mutant(
    "row-terminate-not-marked",
    "VRM-THR-014",
    "A termination is not marked as an exit.",
    row("terms", "agreement.terminate", "remove", "marks"),
    also=("VRM-THR-023", "VRM-TRM-010"),
)
mutant(
    "row-intent-withdraw-not-marked",
    "VRM-THR-014",
    "The withdrawal of an intent is not marked as an exit.",
    row("intent", "intent.withdraw", "remove", "marks"),
)
mutant(
    "row-purge-not-marked",
    "VRM-HOM-024",
    "An attestation is not marked as a duty.",
    row("offer", "purge.attest", "remove", "marks"),
    needs="an inbox that can be filled",
)
mutant(
    "row-proffer-a-day-longer",
    "VRM-THR-020",
    "A proffer may stand for 31 days.",
    row("terms", "terms.proffer", "replace", "max", "P31D"),
)
mutant(
    "row-proffer-without-a-bound",
    "VRM-THR-020",
    "A proffer may stand for any time.",
    row("terms", "terms.proffer", "remove", "max"),
)
mutant(
    "row-alternative-without-a-bound",
    "VRM-THR-020",
    "An alternative may stand for any time.",
    row("terms", "terms.alternative", "remove", "max"),
)
mutant(
    "row-alternative-counted-from-the-proffer",
    "VRM-THR-020",
    "The thirty days of an alternative count from the proffer.",
    row("terms", "terms.alternative", "add", "max_from", "opening"),
)
mutant(
    "row-proffer-a-month",
    "VRM-THR-020",
    "A proffer may stand for a calendar month, not for 30 days.",
    row("terms", "terms.proffer", "replace", "max", "P4W"),
)
mutant(
    "row-second-alternative",
    "VRM-TRM-008",
    "After an alternative another one may follow.",
    row("terms", "terms.alternative", "add", "in/-", "countered"),
)
mutant(
    "row-alternative-keeps-ends",
    "VRM-TRM-009",
    "An alternative without ends keeps that of the proffer.",
    row("terms", "terms.alternative", "remove", "keep/ends"),
)
mutant(
    "row-alternative-keeps-the-list",
    "VRM-TRM-005",
    "After an alternative the acceptable ones of the proffer may still be accepted.",
    row("terms", "terms.alternative", "remove", "keep/acceptable"),
)
mutant(
    "row-alternative-is-not-the-offer",
    "VRM-TRM-004",
    "After an alternative an acceptance names the proffer.",
    row("terms", "terms.alternative", "remove", "keep/offer"),
)
mutant(
    "row-only-the-person-terminates",
    "VRM-TRM-010",
    "Only the person may end an agreement.",
    row("terms", "agreement.terminate", "replace", "by", "first"),
)
mutant(
    "row-only-the-organisation-terminates",
    "VRM-TRM-010",
    "Only the organisation may end an agreement.",
    row("terms", "agreement.terminate", "replace", "by", "second"),
)
mutant(
    "row-withdrawn-and-accepted",
    "VRM-THR-005",
    "A proffer that was withdrawn may be accepted.",
    row("terms", "terms.accept", "add", "in/-", "withdrawn"),
)
mutant(
    "row-rejected-and-accepted",
    "VRM-THR-005",
    "A proffer that was rejected may be accepted later.",
    row("terms", "terms.accept", "add", "in/-", "rejected"),
)
mutant(
    "row-expired-and-accepted",
    "VRM-THR-006",
    "A proffer that has expired may be accepted.",
    row("terms", "terms.accept", "add", "in/-", "expired"),
)
mutant(
    "row-agreed-and-withdrawn",
    "VRM-THR-005",
    "A proffer may be withdrawn after it was accepted.",
    row("terms", "terms.withdraw", "add", "in/-", "agreed"),
)
mutant(
    "row-person-accepts-herself",
    "VRM-THR-004",
    "The person accepts her own proffer.",
    row("terms", "terms.accept", "replace", "by", "first"),
)
mutant(
    "row-organisation-withdraws",
    "VRM-THR-004",
    "Either party may withdraw a proffer.",
    row("terms", "terms.withdraw", "replace", "by", "either"),
)
mutant(
    "row-organisation-accepts-itself",
    "VRM-THR-004",
    "The organisation accepts its own alternative.",
    row("terms", "terms.accept", "replace", "by", "either", 1),
)
mutant(
    "row-rejection-is-acceptance",
    "VRM-HOM-010",
    "A rejection leads to an agreed thread.",
    row("terms", "terms.reject", "replace", "to", "agreed"),
)
mutant(
    "row-alternative-agrees",
    "VRM-HOM-010",
    "An alternative is an acceptance at once.",
    row("terms", "terms.alternative", "replace", "to", "agreed"),
)
mutant(
    "row-acceptance-makes-no-record",
    "VRM-REC-001",
    "An acceptance makes no record.",
    row("terms", "terms.accept", "remove", "record"),
)
mutant(
    "row-second-acceptance-makes-no-record",
    "VRM-REC-001",
    "The acceptance of an alternative makes no record.",
    row("terms", "terms.accept", "remove", "record", None, 1),
)
mutant(
    "row-acceptance-supersedes-nothing",
    "VRM-TRM-011",
    "An acceptance supersedes nothing.",
    row("terms", "terms.accept", "remove", "supersedes"),
)
mutant(
    "row-acceptance-without-ends",
    "VRM-THR-018",
    "An agreement does not end when it says.",
    row("terms", "terms.accept", "remove", "deadline"),
    also=("VRM-THR-021",),
)
mutant(
    "row-rotation-changes-nothing",
    "VRM-HOM-006",
    "A rotation is taken and rebinds nothing.",
    row("terms", "agent.rotate", "remove", "effect"),
)
mutant(
    "row-rotation-commits-nothing",
    "VRM-ID-020",
    "The next key that a rotation names is not kept.",
    row("terms", "agent.rotate", "remove", "keep"),
)
mutant(
    "row-purge-when-declined-only",
    "VRM-OFR-024",
    "A vendor that is late with its purge cannot attest any more.",
    row(
        "offer",
        "purge.attest",
        "replace",
        "in",
        ["withdrawn", "declined", "lapsed", "cancelled", "fulfilled"],
    ),
)
mutant(
    "row-offers-not-counted",
    "VRM-OFR-006",
    "Offers are not counted.",
    row("offer", "offer.make", "replace", "count/parent", ["offers:iss"]),
)
mutant(
    "row-offers-of-a-vendor-not-counted",
    "VRM-OFR-007",
    "Offers of one vendor are not counted.",
    row("offer", "offer.make", "replace", "count/parent", ["offers"]),
)
mutant(
    "row-revised-and-the-same",
    "VRM-OFR-011",
    "After a revision the first offer is still the one to take.",
    row("offer", "offer.revise", "remove", "keep/offer"),
)
mutant(
    "row-offer-after-its-end",
    "VRM-THR-005",
    "One may go on writing about an offer that is over.",
    row("offer", "offer.message", "add", "in/-", "cancelled"),
)
mutant(
    "row-vendor-accepts",
    "VRM-THR-004",
    "The vendor accepts its own offer.",
    row("offer", "offer.accept", "replace", "by", "either"),
)
mutant(
    "row-amended-and-the-same",
    "VRM-INT-007",
    "An amendment does not raise the version.",
    row("intent", "intent.amend", "remove", "keep/version"),
)
mutant(
    "row-amended-for-no-feed",
    "VRM-BRD-013",
    "The region of an amendment is not kept for the filters.",
    row("intent", "intent.amend", "remove", "keep/region"),
)
mutant(
    "row-introduction-changes-nothing",
    "VRM-OFR-021",
    "An introduction is taken and rebinds nothing.",
    row("offer", "agent.introduce", "remove", "effect"),
)

# --- guards --------------------------------------------------------------------------------------

for _kind, _type, _name, _rule, _nth in (
    ("terms", "terms.proffer", "person-opens", "VRM-THR-024", 0),
    ("terms", "terms.proffer", "roster-member", "VRM-TRM-001", 0),
    ("terms", "terms.proffer", "deadline-ahead", "VRM-THR-020", 0),
    ("terms", "terms.accept", "accepts-offered-terms", "VRM-TRM-005", 0),
    ("terms", "terms.accept", "accepts-offered-terms", "VRM-TRM-004", 1),
    ("terms", "terms.alternative", "roster-member", "VRM-TRM-006", 0),
    ("terms", "terms.alternative", "alternative-differs", "VRM-TRM-007", 0),
    ("terms", "terms.alternative", "deadline-ahead", "VRM-THR-020", 0),
    ("intent", "intent.publish", "roster-member", "VRM-TRM-001", 0),
    ("intent", "intent.publish", "person-opens", "VRM-THR-024", 0),
    ("intent", "intent.publish", "blobs-held", "VRM-BLB-004", 0),
    ("intent", "intent.amend", "version-current", "VRM-INT-007", 0),
    ("intent", "intent.amend", "deadline-ahead", "VRM-THR-020", 0),
    ("offer", "offer.make", "intent-open", "VRM-OFR-001", 0),
    ("offer", "offer.make", "version-current", "VRM-OFR-003", 0),
    ("offer", "offer.make", "accepts-offered-terms", "VRM-OFR-004", 0),
    ("offer", "offer.make", "offer-rules", "VRM-OFR-008", 0),
    ("offer", "offer.revise", "version-current", "VRM-OFR-003", 0),
    ("offer", "offer.revise", "offer-rules", "VRM-OFR-009", 0),
    ("offer", "offer.revise", "blobs-held", "VRM-BLB-004", 0),
    ("offer", "offer.accept", "takes-current", "VRM-OFR-011", 0),
    ("offer", "offer.accept", "accepts-left", "VRM-OFR-012", 0),
    ("offer", "offer.accept", "deadline-ahead", "VRM-THR-020", 0),
    ("offer", "offer.confirm", "takes-current", "VRM-OFR-011", 0),
    ("offer", "disclosure.release", "fields-listed", "VRM-OFR-017", 0),
    ("offer", "agent.introduce", "introduce-proof", "VRM-OFR-020", 0),
):
    mutant(
        f"{_type.replace('.', '-')}-without-{_name}{'-again' * _nth}",
        _rule,
        f"A row of {_type} lacks the guard {_name}.",
        guard(_kind, _type, _name, _nth),
    )
# Who the sender is is asked before the kind is known: by a row of any kind (VRM-ID-026).
mutant(
    "agent-rotate-without-rotate-proof",
    "VRM-ID-021",
    "No row of agent.rotate has the guard rotate-proof.",
    guard("terms", "agent.rotate", "rotate-proof"),
    guard("relationship", "agent.rotate", "rotate-proof"),
)

# --- states --------------------------------------------------------------------------------------

mutant(
    "state-proffered-for-ever",
    "VRM-THR-018",
    "A proffer does not expire.",
    state("terms", "proffered", "remove", "deadline"),
)
mutant(
    "state-countered-for-ever",
    "VRM-THR-018",
    "An alternative does not expire.",
    state("terms", "countered", "remove", "deadline"),
)
mutant(
    "state-agreed-for-ever",
    "VRM-THR-018",
    "An agreement does not end by its date.",
    state("terms", "agreed", "remove", "deadline"),
)
mutant(
    "state-agreed-beside-others",
    "VRM-TRM-011",
    "A later agreement of a class leaves the earlier one agreed.",
    state("terms", "agreed", "remove", "superseded"),
)
mutant(
    "state-superseded-is-ended",
    "VRM-TRM-011",
    "An agreement that was superseded is shown as ended.",
    state("terms", "agreed", "replace", "superseded", "ended"),
)
mutant(
    "state-silence-is-acceptance",
    "VRM-THR-018",
    "A proffer that nobody answers is agreed.",
    state("terms", "proffered", "replace", "deadline", "agreed"),
)
mutant(
    "state-open-not-listed",
    "VRM-BRD-005",
    "An intent that is open is not on its board.",
    state("intent", "open", "remove", "listed"),
)
mutant(
    "state-paused-listed",
    "VRM-BRD-009",
    "An intent that is paused stays on its board.",
    state("intent", "paused", "add", "listed", True),
)
mutant(
    "state-open-not-removable",
    "VRM-BRD-017",
    "An intent cannot be taken off its board.",
    state("intent", "open", "remove", "removed"),
    needs="the keys of the home",
)
mutant(
    "state-intent-without-until",
    "VRM-THR-018",
    "An intent does not expire.",
    state("intent", "open", "remove", "deadline"),
)
mutant(
    "state-withdrawn-no-end",
    "VRM-INT-010",
    "An intent that is withdrawn does not count as ended.",
    state("intent", "withdrawn", "remove", "end"),
)
mutant(
    "state-offered-not-orphaned",
    "VRM-INT-010",
    "Offers do not lapse with their intent.",
    state("offer", "offered", "remove", "orphaned"),
)
mutant(
    "state-accepted-orphaned",
    "VRM-INT-010",
    "Accepted offers lapse with their intent too.",
    state("offer", "accepted", "add", "orphaned", "lapsed"),
)
mutant(
    "state-offered-not-filled",
    "VRM-INT-011",
    "Offers stay open when the places of their intent are filled.",
    state("offer", "offered", "remove", "filled"),
)
mutant(
    "state-accepted-for-ever",
    "VRM-THR-018",
    "An accepted offer does not lapse without a confirmation.",
    state("offer", "accepted", "remove", "deadline"),
)
mutant(
    "state-accepted-holds-nothing",
    "VRM-OFR-012",
    "An accepted offer holds no place.",
    state("offer", "accepted", "remove", "place"),
)
mutant(
    "state-confirmed-fills-nothing",
    "VRM-INT-011",
    "A confirmed offer fills no place.",
    state("offer", "confirmed", "replace", "place", "held"),
)
mutant(
    "state-lapsed-keeps-its-place",
    "VRM-OFR-013",
    "An accepted offer that lapses keeps its place.",
    state("offer", "lapsed", "remove", "place"),
)
mutant(
    "state-cancelled-keeps-its-place",
    "VRM-OFR-013",
    "An offer that is cancelled keeps its place.",
    state("offer", "cancelled", "remove", "place"),
)
mutant(
    "state-fulfilled-frees-its-place",
    "VRM-OFR-002",
    "An offer that is fulfilled gives its place back.",
    state("offer", "fulfilled", "replace", "place", "free"),
    also=("VRM-OFR-014",),
)
mutant(
    "state-purged-frees-its-place",
    "VRM-OFR-014",
    "An offer that is purged gives its place back.",
    state("offer", "purged", "add", "place", "free"),
)
mutant(
    "state-declined-never-overdue",
    "VRM-OFR-024",
    "After a decline no purge is owed.",
    edit(
        "threads.json",
        {"op": "remove", "path": "/kinds/offer/states/declined/deadline"},
        {"op": "remove", "path": "/kinds/offer/states/declined/within"},
    ),
)
mutant(
    "state-lapsed-never-overdue",
    "VRM-OFR-024",
    "After a lapse no purge is owed.",
    edit(
        "threads.json",
        {"op": "remove", "path": "/kinds/offer/states/lapsed/deadline"},
        {"op": "remove", "path": "/kinds/offer/states/lapsed/within"},
    ),
)
mutant(
    "state-purged-not-erased",
    "VRM-OFR-025",
    "A purge erases nothing.",
    state("offer", "purged", "remove", "erased"),
    also=("VRM-OFR-026", "VRM-BLB-006"),
)
mutant(
    "state-overdue-erased",
    "VRM-OFR-025",
    "What a vendor owes to purge is erased without its attestation.",
    state("offer", "fulfilled", "add", "erased", True),
)

# --- feedback ------------------------------------------------------------------------------------

mutant(
    "feedback-under-an-agreement-only",
    "VRM-FBK-001",
    "Feedback has to name an agreement.",
    row("feedback", "feedback.submit", "add", "needs", ["agr"]),
)
mutant(
    "one-outcome",
    "VRM-FBK-002",
    "An outcome is the last word about feedback.",
    row("feedback", "feedback.outcome", "replace", "in", ["submitted", "acknowledged"]),
)
mutant(
    "outcomes-on-the-head",
    "VRM-FBK-002",
    "An outcome has to name the last message of the thread.",
    row("feedback", "feedback.outcome", "add", "prev", "head"),
    also=("VRM-THR-013",),
)
mutant(
    "answered-feedback-stays",
    "VRM-FBK-003",
    "Feedback that has an outcome cannot be retracted.",
    row("feedback", "feedback.retract", "replace", "in", ["submitted", "acknowledged"]),
)
mutant(
    "row-retract-not-marked",
    "VRM-FBK-003",
    "A retraction is not marked as an exit.",
    row("feedback", "feedback.retract", "remove", "marks"),
    also=("VRM-THR-014", "VRM-THR-023"),
)
mutant(
    "feedback-retracted-by-either",
    "VRM-FBK-003",
    "The organisation can retract feedback.",
    row("feedback", "feedback.retract", "replace", "by", "either"),
    also=("VRM-THR-004",),
)

# --- disputes ------------------------------------------------------------------------------------

mutant(
    "dispute-of-anything",
    "VRM-THR-009",
    "A dispute may be about terms that nobody has accepted.",
    edit("threads.json", {"op": "remove", "path": "/kinds/dispute/recorded"}),
)
mutant(
    "dispute-of-terms-only",
    "VRM-DSP-001",
    "There is no dispute about an offer.",
    edit("threads.json", {"op": "replace", "path": "/kinds/dispute/parents", "value": ["terms.proffer"]}),
)
mutant(
    "disputes-of-persons-only",
    "VRM-DSP-001",
    "An organisation cannot open a dispute.",
    edit("threads.json", {"op": "remove", "path": "/kinds/dispute/rows/1"}),
)
mutant(
    "dispute-closed-by-either",
    "VRM-DSP-004",
    "The organisation may close any dispute.",
    row("dispute", "dispute.close", "replace", "in", ["open", "claimed"], 1),
)
mutant(
    "row-close-not-marked",
    "VRM-DSP-003",
    "Closing a dispute is not marked as an exit.",
    row("dispute", "dispute.close", "remove", "marks"),
    also=("VRM-THR-014", "VRM-THR-023"),
)
mutant(
    "claims-closed-by-their-opener-only",
    "VRM-DSP-003",
    "The person cannot close a dispute that the organisation has opened.",
    row("dispute", "dispute.close", "replace", "in", ["open"]),
)
mutant(
    "disputes-hold-nothing",
    "VRM-DSP-005",
    "After a purge the organisation reads tombstones whatever a dispute names.",
    state("dispute", "open", "remove", "holds"),
)
mutant(
    "closed-disputes-hold",
    "VRM-DSP-005",
    "What a dispute has named stays readable once it is closed.",
    state("dispute", "closed", "add", "holds", "named"),
)
mutant(
    "claims-hold",
    "VRM-DSP-005",
    "The organisation keeps what it names itself.",
    edit(
        "threads.json",
        {"op": "add", "path": "/kinds/dispute/rows/1/keep", "value": {"named": "/messages"}},
        {"op": "add", "path": "/kinds/dispute/states/claimed/holds", "value": "named"},
    ),
)

# --- what is below a relationship -----------------------------------------------------------------

for _kind, _type, _name, _rule, _nth in (
    ("consent", "consent.request", "agreement-live", "VRM-REL-001", 0),
    ("consent", "consent.request", "not-prohibited", "VRM-CNS-001", 0),
    ("consent", "consent.request", "stage-allows", "VRM-LAD-010", 0),
    ("consent", "consent.request", "preference-allows", "VRM-REL-006", 0),
    ("consent", "consent.request", "not-asked-again", "VRM-REL-005", 0),
    ("consent", "consent.request", "deadline-ahead", "VRM-THR-020", 0),
    ("consent", "consent.grant", "agreement-live", "VRM-REL-001", 0),
    ("consent", "consent.grant", "purposes-within", "VRM-CNS-002", 0),
    ("consent", "consent.grant", "deadline-ahead", "VRM-THR-020", 0),
    ("consent", "consent.narrow", "purposes-within", "VRM-CNS-003", 0),
    ("consent", "consent.renew", "agreement-live", "VRM-REL-001", 0),
    ("consent", "consent.renew", "deadline-ahead", "VRM-THR-020", 0),
    ("dialogue", "dialogue.message", "agreement-live", "VRM-REL-001", 0),
    ("dialogue", "dialogue.message", "within-terms", "VRM-PUR-001", 1),
    ("dialogue", "dialogue.message", "stage-allows", "VRM-LAD-010", 1),
    ("dialogue", "dialogue.message", "preference-allows", "VRM-REL-006", 1),
    ("dialogue", "dialogue.message", "blobs-held", "VRM-BLB-004", 2),
    ("dialogue", "dialogue.message", "agreement-live", "VRM-REL-014", 3),
    ("dialogue", "dialogue.message", "within-terms", "VRM-PUR-002", 3),
    ("dialogue", "dialogue.message", "stage-allows", "VRM-LAD-010", 3),
    ("dialogue", "dialogue.message", "preference-allows", "VRM-REL-007", 3),
    ("data", "data.request", "agreement-live", "VRM-REL-001", 0),
    ("data", "data.request", "within-terms", "VRM-DAT-001", 0),
    ("data", "data.request", "stage-allows", "VRM-DAT-001", 0),
    ("data", "data.request", "preference-allows", "VRM-DAT-001", 0),
    ("data", "data.request", "not-asked-again", "VRM-DAT-001", 0),
    ("data", "data.request", "deadline-ahead", "VRM-THR-020", 0),
    ("data", "data.share", "agreement-live", "VRM-REL-015", 0),
    ("data", "data.share", "blobs-held", "VRM-BLB-004", 1),
    ("data", "data.report", "agreement-live", "VRM-REL-014", 0),
    ("data", "data.report", "blobs-held", "VRM-BLB-004", 1),
    ("correction", "correction.submit", "patch-applies", "VRM-COR-002", 0),
    ("correction", "correction.submit", "deadline-ahead", "VRM-THR-020", 0),
):
    mutant(
        f"{_type.replace('.', '-')}-without-{_name}{f'-{_nth}' * bool(_nth)}",
        _rule,
        f"A row of {_type} lacks the guard {_name}.",
        guard(_kind, _type, _name, _nth),
    )

for _name, _rule, _summary, _edit in (
    # what a row counts
    (
        "consents-asked-for-not-counted",
        "VRM-REL-007",
        "Requests for consents use up no rate.",
        row("consent", "consent.request", "remove", "count"),
    ),
    (
        "dialogues-begun-not-counted",
        "VRM-REL-007",
        "A dialogue that the organisation begins uses up no rate.",
        row("dialogue", "dialogue.message", "remove", "count", None, 1),
    ),
    (
        "words-in-dialogues-not-counted",
        "VRM-REL-007",
        "What the organisation writes in a dialogue uses up no rate.",
        row("dialogue", "dialogue.message", "remove", "count", None, 3),
    ),
    (
        "requests-of-data-not-counted",
        "VRM-REL-007",
        "Requests for data use up no rate.",
        row("data", "data.request", "remove", "count"),
    ),
    (
        "her-words-counted",
        "VRM-REL-007",
        "What she writes in a dialogue uses up the rate.",
        row("dialogue", "dialogue.message", "add", "count", {"parent": ["said@P1M"]}, 2),
    ),
    (
        "reports-counted",
        "VRM-REL-007",
        "Reports of what is held use up the rate.",
        row("data", "data.report", "add", "count", {"parent": ["said@P1M"]}),
    ),
    (
        "words-counted-in-their-dialogue",
        "VRM-REL-007",
        "What the organisation writes is counted in the dialogue, and not in the relationship.",
        row("dialogue", "dialogue.message", "replace", "count", {"thread": ["said@P1M"]}, 3),
    ),
    (
        "refused-consents-not-counted",
        "VRM-REL-005",
        "What she has refused as a consent is forgotten.",
        row("consent", "consent.refuse", "remove", "count"),
    ),
    (
        "refused-data-not-counted",
        "VRM-DAT-001",
        "What she has refused as data is forgotten.",
        row("data", "data.refuse", "remove", "count"),
    ),
    (
        "refused-data-counted-in-their-thread",
        "VRM-DAT-001",
        "What she has refused as data is counted in its thread, and not in the relationship.",
        row("data", "data.refuse", "replace", "count", {"thread": ["refused:asked@P6M"]}),
    ),
    # what a row keeps, marks and makes
    (
        "requested-purposes-not-kept",
        "VRM-CNS-002",
        "What was asked for is not kept: nothing can be granted.",
        row("consent", "consent.request", "remove", "keep"),
    ),
    (
        "narrowed-purposes-not-kept",
        "VRM-CNS-003",
        "A narrowing is taken and changes nothing.",
        row("consent", "consent.narrow", "remove", "keep"),
    ),
    (
        "row-consent-withdraw-not-marked",
        "VRM-CNS-005",
        "The withdrawal of a consent is not marked as an exit.",
        row("consent", "consent.withdraw", "remove", "marks"),
    ),
    (
        "row-consent-withdraw-asks-agr",
        "VRM-CNS-005",
        "The withdrawal of a consent names an agreement.",
        row("consent", "consent.withdraw", "add", "needs", ["agr"]),
    ),
    (
        "row-consent-withdraw-by-either",
        "VRM-THR-004",
        "The organisation may withdraw a consent.",
        row("consent", "consent.withdraw", "replace", "by", "either"),
    ),
    (
        "row-consent-withdraw-changes-nothing",
        "VRM-CNS-005",
        "A withdrawal is taken, and the consent stays granted.",
        row("consent", "consent.withdraw", "replace", "to", "granted"),
    ),
    (
        "row-consent-grant-by-either",
        "VRM-THR-004",
        "The organisation grants a consent to itself.",
        row("consent", "consent.grant", "replace", "by", "either"),
    ),
    (
        "row-consent-grant-after-expiry",
        "VRM-THR-006",
        "A request that has expired may be granted.",
        row("consent", "consent.grant", "add", "in/-", "expired"),
    ),
    (
        "row-consent-renew-after-lapse",
        "VRM-CNS-007",
        "A consent that has lapsed may be renewed.",
        row("consent", "consent.renew", "add", "in/-", "lapsed"),
    ),
    (
        "row-consent-renew-asks-no-head",
        "VRM-THR-012",
        "A renewal need not have seen the last message.",
        row("consent", "consent.renew", "remove", "prev"),
    ),
    (
        "row-consent-grant-without-an-end",
        "VRM-CNS-007",
        "A consent does not lapse at valid_until of the grant.",
        row("consent", "consent.grant", "remove", "deadline"),
    ),
    (
        "row-consent-renew-moves-nothing",
        "VRM-CNS-007",
        "A renewal leaves the day at which a consent lapses.",
        row("consent", "consent.renew", "remove", "deadline"),
    ),
    (
        "row-consent-grant-makes-no-record",
        "VRM-CNS-010",
        "A grant makes no record.",
        row("consent", "consent.grant", "remove", "record"),
    ),
    (
        "row-consent-grant-makes-an-agreement",
        "VRM-CNS-014",
        "The record of a consent is one of an agreement.",
        row("consent", "consent.grant", "replace", "record", "agreement"),
    ),
    (
        "row-consent-propagated-after-withdrawals",
        "VRM-CNS-007",
        "After a consent has lapsed the organisation does not say that it has stopped.",
        row("consent", "consent.propagated", "replace", "in", ["withdrawn"]),
    ),
    (
        "row-dialogue-mute-not-marked",
        "VRM-DLG-003",
        "Muting a dialogue is not marked as an exit.",
        row("dialogue", "dialogue.mute", "remove", "marks"),
    ),
    (
        "row-dialogue-mute-changes-nothing",
        "VRM-DLG-003",
        "A dialogue that she mutes stays open.",
        row("dialogue", "dialogue.mute", "replace", "to", "open"),
    ),
    (
        "row-dialogue-muted-and-written",
        "VRM-DLG-005",
        "In a dialogue that is muted the organisation writes on.",
        row("dialogue", "dialogue.message", "add", "in/-", "muted", 3),
    ),
    (
        "row-dialogue-unmute-by-either",
        "VRM-THR-004",
        "The organisation may lift the muting of a dialogue.",
        row("dialogue", "dialogue.unmute", "replace", "by", "either"),
    ),
    (
        "dialogues-of-hers-alone",
        "VRM-DLG-001",
        "The organisation begins no dialogue.",
        edit("threads.json", {"op": "remove", "path": "/kinds/dialogue/rows/1"}),
    ),
    (
        "dialogues-of-the-organisation-alone",
        "VRM-DLG-001",
        "She begins no dialogue.",
        edit("threads.json", {"op": "remove", "path": "/kinds/dialogue/rows/0"}),
    ),
    (
        "dialogues-of-hers-by-the-rung",
        "VRM-DLG-001",
        "The first message of a dialogue is judged by her rung, also where it is hers.",
        row("dialogue", "dialogue.message", "add", "guards/-", "stage-allows"),
    ),
    (
        "her-words-by-her-preferences",
        "VRM-DLG-002",
        "What she writes in a dialogue is judged by her own preferences.",
        row("dialogue", "dialogue.message", "add", "guards/-", "preference-allows", 2),
    ),
    (
        "her-words-under-an-agreement",
        "VRM-DLG-002",
        "What she writes in a dialogue names an agreement.",
        row("dialogue", "dialogue.message", "add", "needs", ["agr"], 2),
    ),
    (
        "her-words-while-it-is-open",
        "VRM-DLG-002",
        "In a dialogue that she has muted she cannot write.",
        row("dialogue", "dialogue.message", "replace", "in", ["open"], 2),
    ),
    (
        "shares-by-purpose",
        "VRM-DAT-002",
        "What she shares is judged by its purpose.",
        row("data", "data.share", "add", "guards/-", "within-terms"),
    ),
    (
        "shares-by-preferences",
        "VRM-DAT-002",
        "What she shares is judged by her own preferences.",
        row("data", "data.share", "add", "guards/-", "preference-allows"),
    ),
    (
        "shares-by-the-rung",
        "VRM-DAT-002",
        "What she shares is judged by her rung.",
        row("data", "data.share", "add", "guards/-", "stage-allows"),
    ),
    (
        "row-data-refuse-asks-agr",
        "VRM-DAT-003",
        "A refusal of data names an agreement.",
        row("data", "data.refuse", "add", "needs", ["agr"]),
    ),
    (
        "data-refused-with-a-reason",
        "VRM-DAT-003",
        "A refusal of data has to say why.",
        edit("messages/data.refuse.json", {"op": "add", "path": "/required/-", "value": "reason"}),
    ),
    (
        "reports-by-the-rung",
        "VRM-DAT-004",
        "A report is judged by her rung.",
        row("data", "data.report", "add", "guards/-", "stage-allows"),
    ),
    (
        "reports-by-preferences",
        "VRM-DAT-004",
        "A report is judged by her preferences.",
        row("data", "data.report", "add", "guards/-", "preference-allows"),
    ),
    (
        "reports-anew-by-preferences",
        "VRM-DAT-004",
        "A report after another one is judged by her preferences.",
        row("data", "data.report", "add", "guards/-", "preference-allows", 1),
    ),
    (
        "row-correction-apply-in-time",
        "VRM-COR-003",
        "A correction is applied before answer_by only.",
        row("correction", "correction.apply", "replace", "in", ["submitted"]),
    ),
    (
        "row-correction-refuse-in-time",
        "VRM-COR-003",
        "A correction is refused before answer_by only.",
        row("correction", "correction.refuse", "replace", "in", ["submitted"]),
    ),
    (
        "row-correction-asks-agr",
        "VRM-COR-004",
        "A correction names an agreement.",
        row("correction", "correction.submit", "replace", "needs", ["agr", "pthid"]),
    ),
    (
        "corrections-of-dialogues",
        "VRM-THR-009",
        "A correction may stand below a dialogue.",
        edit(
            "threads.json",
            {"op": "add", "path": "/kinds/correction/parents/-", "value": "dialogue.message"},
        ),
    ),
    # states
    (
        "state-consent-requested-for-ever",
        "VRM-THR-018",
        "A request for a consent does not expire.",
        state("consent", "requested", "remove", "deadline"),
    ),
    (
        "state-consent-granted-for-ever",
        "VRM-CNS-007",
        "A consent does not lapse.",
        state("consent", "granted", "remove", "deadline"),
    ),
    (
        "state-consent-granted-without-agreement",
        "VRM-CNS-006",
        "A consent stays granted when its agreement ends.",
        state("consent", "granted", "remove", "released"),
    ),
    (
        "state-consent-requested-without-agreement",
        "VRM-CNS-006",
        "A request for a consent stays when its agreement ends.",
        state("consent", "requested", "remove", "released"),
    ),
    (
        "state-consent-granted-after-the-end",
        "VRM-CNS-006",
        "A consent stays granted when the relationship ends.",
        state("consent", "granted", "remove", "orphaned"),
    ),
    (
        "state-consent-requested-after-the-end",
        "VRM-CNS-006",
        "A request for a consent stays when the relationship ends.",
        state("consent", "requested", "remove", "orphaned"),
    ),
    (
        "state-consent-released-lapses",
        "VRM-CNS-006",
        "A consent lapses with its agreement.",
        edit(
            "threads.json",
            {"op": "replace", "path": "/kinds/consent/states/granted/released", "value": "lapsed"},
            {"op": "replace", "path": "/kinds/consent/states/granted/orphaned", "value": "lapsed"},
        ),
    ),
    (
        "state-consent-granted-not-live",
        "VRM-PUR-004",
        "A consent that is granted is not in force.",
        state("consent", "granted", "remove", "live"),
    ),
    (
        "state-dialogue-open-after-the-end",
        "VRM-DLG-004",
        "A dialogue stays open when the relationship ends.",
        state("dialogue", "open", "remove", "orphaned"),
    ),
    (
        "state-dialogue-muted-after-the-end",
        "VRM-DLG-004",
        "A dialogue stays muted when the relationship ends.",
        state("dialogue", "muted", "remove", "orphaned"),
    ),
    (
        "state-data-requested-after-the-end",
        "VRM-DAT-005",
        "A request for data stays when the relationship ends.",
        state("data", "requested", "remove", "orphaned"),
    ),
    (
        "state-data-shared-after-the-end",
        "VRM-DAT-005",
        "A thread in which data were shared stays open when the relationship ends.",
        state("data", "shared", "remove", "orphaned"),
    ),
    (
        "state-data-reported-after-the-end",
        "VRM-DAT-005",
        "A thread in which data were reported stays open when the relationship ends.",
        state("data", "reported", "remove", "orphaned"),
    ),
    (
        "state-data-expires-at-the-end",
        "VRM-DAT-005",
        "A request for data expires when the relationship ends.",
        state("data", "requested", "replace", "orphaned", "expired"),
    ),
    (
        "state-data-requested-for-ever",
        "VRM-THR-018",
        "A request for data does not expire.",
        state("data", "requested", "remove", "deadline"),
    ),
    (
        "state-correction-withdrawn-at-the-end",
        "VRM-COR-004",
        "A correction is withdrawn when the thread of data is closed.",
        state("correction", "submitted", "add", "orphaned", "withdrawn"),
    ),
    (
        "state-correction-overdue-is-refused",
        "VRM-COR-003",
        "A correction that is not answered in time is refused.",
        state("correction", "submitted", "replace", "deadline", "refused"),
    ),
    (
        "state-relationship-paused-does-not-rest",
        "VRM-REL-014",
        "While a relationship is paused nothing below it rests.",
        state("relationship", "paused", "remove", "rests"),
    ),
    (
        "state-relationship-invited-rests",
        "VRM-PUR-003",
        "While an invitation is not answered the organisation can send nothing below.",
        state("relationship", "invited", "add", "rests", True),
    ),
    (
        "extensions-of-consents",
        "VRM-ENV-031",
        "A request for a consent may carry extensions.",
        replace("messages/consent.request.json", "/x-ext", True),
    ),
    (
        "extensions-of-withdrawals",
        "VRM-ENV-031",
        "The withdrawal of a consent may carry extensions.",
        replace("messages/consent.withdraw.json", "/x-ext", True),
    ),
    (
        "requests-of-data-at-the-second-rung",
        "VRM-LAD-002",
        "The second rung of the ladder lists requests for data.",
        edit("ladder.json", {"op": "add", "path": "/rungs/1/types/-", "value": "data.request"}),
    ),
    (
        "dialogues-at-the-lowest-rung",
        "VRM-LAD-002",
        "The lowest rung of the ladder lists messages in dialogues.",
        edit("ladder.json", {"op": "add", "path": "/rungs/0/types/-", "value": "dialogue.message"}),
    ),
):
    mutant(_name, _rule, _summary, _edit)

# --- which refusals are listed --------------------------------------------------------------------

for _code in (
    "stage-forbids",
    "asked-again",
    "preference-forbids",
    "relationship-paused",
    "terms-prohibit",
    "consent-needed",
):
    mutant(
        f"refusals-by-{_code}-not-listed",
        "VRM-LED-001",
        f"What was refused by {_code} is not listed.",
        edit(
            "errors.json",
            {"op": "test", "path": f"/codes/{CODES.index(_code)}/code", "value": _code},
            {"op": "remove", "path": f"/codes/{CODES.index(_code)}/counted"},
        ),
    )
# --- relationships -------------------------------------------------------------------------------

mutant(
    "ladder-of-another-version",
    "VRM-LAD-002",
    "Another ladder than that of the spec is served, with its own digest.",
    replace("ladder.json", "/version", "1.1"),
)
mutant(
    "ladder-with-one-rung-less",
    "VRM-LAD-002",
    "The ladder lacks one of its rungs.",
    remove("ladder.json", "/rungs/4"),
)
for _type, _name, _rule in (
    ("relationship.open", "agreement-live", "VRM-REL-001"),
    ("relationship.open", "one-per-pair", "VRM-REL-003"),
    ("relationship.open", "ladder-held", "VRM-LAD-001"),
    ("relationship.invite", "agreement-live", "VRM-REL-001"),
    ("relationship.invite", "stage-allows", "VRM-LAD-010"),
    ("relationship.invite", "preference-allows", "VRM-REL-006"),
    ("relationship.invite", "not-asked-again", "VRM-REL-005"),
    ("relationship.invite", "step-allowed", "VRM-LAD-009"),
    ("relationship.invite", "deadline-ahead", "VRM-THR-020"),
    ("relationship.step", "agreement-live", "VRM-REL-001"),
    ("relationship.step", "ladder-held", "VRM-LAD-001"),
    ("relationship.step", "step-allowed", "VRM-LAD-006"),
):
    mutant(
        f"{_type.replace('.', '-')}-without-{_name}",
        _rule,
        f"A row of {_type} lacks the guard {_name}.",
        guard("relationship", _type, _name),
    )
for _name, _rule, _summary, _type, *_change in (
    (
        "opened-by-either",
        "VRM-THR-004",
        "The organisation may open a relationship.",
        "open",
        "replace",
        "by",
        "either",
    ),
    (
        "opened-without-a-ladder",
        "VRM-LAD-003",
        "The ladder of the opening is not kept.",
        "open",
        "remove",
        "keep/ladder",
    ),
    (
        "opened-without-preferences",
        "VRM-REL-008",
        "Preferences that the opening says are not kept.",
        "open",
        "remove",
        "keep/preferences",
    ),
    ("invited-by-either", "VRM-THR-004", "She may invite herself.", "invite", "replace", "by", "either"),
    (
        "invited-while-invited",
        "VRM-THR-005",
        "An invitation may follow another one.",
        "invite",
        "add",
        "in/-",
        "invited",
    ),
    (
        "invited-while-resting",
        "VRM-THR-005",
        "It may invite while the relationship rests.",
        "invite",
        "add",
        "in/-",
        "paused",
    ),
    ("invitations-not-counted", "VRM-REL-007", "Invitations are not counted.", "invite", "remove", "count"),
    (
        "invitations-counted-for-a-second",
        "VRM-REL-007",
        "Invitations are counted for a second only.",
        "invite",
        "replace",
        "count/thread",
        ["said@PT1S"],
    ),
    (
        "invitations-on-the-head",
        "VRM-THR-013",
        "An invitation has to name the last message.",
        "invite",
        "add",
        "prev",
        "head",
    ),
    (
        "steps-by-either",
        "VRM-THR-004",
        "The organisation may step up for her.",
        "step",
        "replace",
        "by",
        "either",
    ),
    (
        "steps-ask-no-head",
        "VRM-THR-012",
        "A step need not have seen the last message.",
        "step",
        "remove",
        "prev",
    ),
    (
        "steps-invited-only",
        "VRM-LAD-008",
        "She may step up only where she is invited.",
        "step",
        "replace",
        "in",
        ["invited"],
    ),
    (
        "steps-while-resting",
        "VRM-THR-005",
        "She may step up while the relationship rests.",
        "step",
        "add",
        "in/-",
        "paused",
    ),
    (
        "steps-with-the-old-ladder",
        "VRM-LAD-003",
        "The ladder of a step is not kept.",
        "step",
        "remove",
        "keep/ladder",
    ),
    (
        "steps-lead-nowhere",
        "VRM-LAD-005",
        "After a step she is where she was.",
        "step",
        "remove",
        "keep/stage",
    ),
    (
        "declined-by-either",
        "VRM-THR-004",
        "The organisation may decline for her.",
        "decline",
        "replace",
        "by",
        "either",
    ),
    (
        "declined-and-forgotten",
        "VRM-REL-005",
        "What she has declined is not counted.",
        "decline",
        "remove",
        "count",
    ),
    (
        "declined-without-a-name",
        "VRM-REL-005",
        "What she has declined is counted without its name.",
        "decline",
        "replace",
        "count/thread",
        ["refused@P6M"],
    ),
    ("paused-by-either", "VRM-THR-004", "The organisation may pause.", "pause", "replace", "by", "either"),
    ("resumed-by-either", "VRM-THR-004", "The organisation may resume.", "resume", "replace", "by", "either"),
    (
        "preferring-by-either",
        "VRM-THR-004",
        "The organisation may say what she prefers.",
        "prefer",
        "replace",
        "by",
        "either",
    ),
    (
        "preferring-nothing",
        "VRM-REL-008",
        "What she says later of her preferences is not kept.",
        "prefer",
        "remove",
        "keep",
    ),
    (
        "preferring-ends-a-rest",
        "VRM-HOM-010",
        "To say preferences ends a rest.",
        "prefer",
        "replace",
        "to",
        "open",
    ),
    (
        "down-and-up-again",
        "VRM-LAD-012",
        "A step down leads to whatever rung it names.",
        "retreat",
        "remove",
        "effect",
    ),
    (
        "down-in-words-only",
        "VRM-LAD-012",
        "A step down is taken and changes nothing.",
        "retreat",
        "remove",
        "keep",
    ),
    (
        "down-while-open-only",
        "VRM-LAD-012",
        "She may not step down while it rests or she is invited.",
        "retreat",
        "replace",
        "in",
        ["open"],
    ),
    ("down-ends-a-rest", "VRM-HOM-010", "A step down ends a rest.", "retreat", "replace", "to", "open"),
    (
        "down-by-either",
        "VRM-THR-004",
        "The organisation may step down for her.",
        "retreat",
        "replace",
        "by",
        "either",
    ),
    (
        "ended-by-her-only",
        "VRM-REL-009",
        "Only the person may end a relationship.",
        "end",
        "replace",
        "by",
        "first",
    ),
    (
        "ended-by-the-organisation-only",
        "VRM-REL-009",
        "Only the organisation may end a relationship.",
        "end",
        "replace",
        "by",
        "second",
    ),
    (
        "ended-when-open-only",
        "VRM-REL-009",
        "Only an open relationship can be ended.",
        "end",
        "replace",
        "in",
        ["open"],
    ),
    (
        "no-end-while-resting",
        "VRM-REL-009",
        "A relationship that rests cannot be ended.",
        "end",
        "replace",
        "in",
        ["open", "invited"],
    ),
    (
        "no-end-while-invited",
        "VRM-REL-009",
        "A relationship cannot be ended while she is invited.",
        "end",
        "replace",
        "in",
        ["open", "paused"],
    ),
    (
        "ends-on-the-head",
        "VRM-THR-013",
        "The organisation's end has to name the last message.",
        "end",
        "add",
        "prev",
        "head",
    ),
    (
        "ends-sever-nothing",
        "VRM-REL-010",
        "The agreements go on after the end of a relationship.",
        "end",
        "remove",
        "effect",
    ),
    (
        "ends-that-close",
        "VRM-HOM-010",
        "A relationship that ends is closed at once.",
        "end",
        "replace",
        "to",
        "closed",
    ),
    (
        "ends-due-at-once",
        "VRM-THR-018",
        "Without a word the attestation is due in a second.",
        "end",
        "replace",
        "default",
        "PT1S",
    ),
    ("attested-by-either", "VRM-THR-004", "She may attest herself.", "attest", "replace", "by", "either"),
    (
        "attested-before-the-end",
        "VRM-THR-005",
        "It may attest what has not ended.",
        "attest",
        "add",
        "in/-",
        "open",
    ),
    ("attested-twice", "VRM-THR-005", "It may attest more than once.", "attest", "add", "in/-", "closed"),
):
    mutant(f"relationships-{_name}", _rule, _summary, row("relationship", f"relationship.{_type}", *_change))
mutant(
    "row-step-down-not-marked",
    "VRM-THR-014",
    "A step down is not marked as an exit.",
    row("relationship", "relationship.retreat", "remove", "marks"),
    also=("VRM-THR-023", "VRM-LAD-012"),
)
mutant(
    "row-end-not-marked",
    "VRM-REL-009",
    "The end of a relationship is not marked as an exit.",
    row("relationship", "relationship.end", "remove", "marks"),
    also=("VRM-THR-014", "VRM-THR-023"),
)
mutant(
    "row-attest-not-marked",
    "VRM-HOM-024",
    "The attestation of an end is not marked as a duty.",
    row("relationship", "relationship.attest", "remove", "marks"),
    needs="an inbox that can be filled",
)
mutant(
    "no-attestation-when-it-is-late",
    "VRM-HOM-006",
    "An organisation that is late cannot attest any more.",
    row("relationship", "relationship.attest", "replace", "in", ["ended"]),
)
mutant(
    "rotation-in-no-relationship",
    "VRM-HOM-006",
    "She cannot change her key in a relationship.",
    row("relationship", "agent.rotate", "replace", "in", ["invited"]),
)
mutant(
    "rotation-in-a-relationship-changes-nothing",
    "VRM-ID-023",
    "A rotation in a relationship is taken and rebinds nothing.",
    row("relationship", "agent.rotate", "remove", "effect"),
)
mutant(
    "invitations-for-ever",
    "VRM-THR-018",
    "An invitation stands for ever.",
    state("relationship", "invited", "remove", "deadline"),
)
mutant(
    "silence-pauses",
    "VRM-THR-018",
    "An invitation without an answer ends in a rest.",
    state("relationship", "invited", "replace", "deadline", "paused"),
)
mutant(
    "attestations-never-overdue",
    "VRM-THR-018",
    "An attestation is never overdue.",
    edit(
        "threads.json",
        {"op": "remove", "path": "/kinds/relationship/states/ended/deadline"},
        {"op": "remove", "path": "/kinds/relationship/states/ended/default"},
    ),
)
mutant(
    "ended-is-not-over",
    "VRM-REL-004",
    "A relationship that has ended is not over until it is closed.",
    edit(
        "threads.json",
        {"op": "remove", "path": "/kinds/relationship/states/ended/over"},
        {"op": "remove", "path": "/kinds/relationship/states/attest-overdue/over"},
    ),
)
mutant(
    "closed-is-not-erased",
    "VRM-REL-012",
    "After an attestation the organisation reads everything.",
    state("relationship", "closed", "remove", "erased"),
)
mutant(
    "ended-is-erased",
    "VRM-REL-012",
    "After the end the organisation reads tombstones, attested or not.",
    state("relationship", "ended", "add", "erased", True),
)
mutant(
    "agreements-not-severed",
    "VRM-REL-010",
    "An agreement does not end with the relationship.",
    state("terms", "agreed", "remove", "severed"),
)
mutant(
    "agreements-severed-to-superseded",
    "VRM-REL-010",
    "An agreement that has ended with the relationship is shown as superseded.",
    state("terms", "agreed", "replace", "severed", "superseded"),
)
mutant(
    "data-not-erased",
    "VRM-REL-016",
    "After an attestation the organisation reads the data as before.",
    edit("threads.json", {"op": "remove", "path": "/kinds/data/erased"}),
)
mutant(
    "consents-erased",
    "VRM-REL-019",
    "After an attestation the organisation reads the consents as tombstones.",
    edit("threads.json", {"op": "add", "path": "/kinds/consent/erased", "value": True}),
)
