"""A catalogue of bugs that homes of such protocols have had, and which mutants are examples of each."""

from __future__ import annotations

from typing import Any

WITHOUT = {
    "VRM-HOM-031": "a store that cannot store is not brought about over HTTP",
    "VRM-PRV-001": "what a home keeps of network addresses is not seen over HTTP",
}
"""Requirements of a home without a mutant, each with the reason."""


def _bug(text: str, *mutants: str) -> dict[str, Any]:
    return {"text": text, "mutants": list(mutants)}


def _struck(text: str, why: str) -> dict[str, Any]:
    return {"text": text, "struck": why}


NUMBERS: dict[str, dict[str, Any]] = {
    "S01": _bug("takes alg none or an empty signature", "alg-none", "empty-segment"),
    "S02": _bug("takes HS256 keyed with the public key", "alg-confusion"),
    "S03": _bug("trusts a key from the token's own header", "key-in-the-header", "open-header"),
    "S04": _bug(
        "finds the key by kid alone, so that one party signs as another", "key-by-its-kid", "any-kid"
    ),
    "S05": _bug(
        "does not verify signatures, at all or of one type", "signature-not-looked-at", "unsigned-rejections"
    ),
    "S06": _bug(
        "does not enforce exp, or takes a message without it",
        "expired-taken",
        "exp-not-required",
        "schema-exp-optional",
    ),
    "S07": _bug(
        "has no bound for the lifetime, ignores the future and nbf, or grants hours of grace",
        "any-lifetime",
        "lifetime-of-a-week",
        "future-taken",
        "not-before-ignored",
        "an-hour-of-grace",
    ),
    "S08": _bug(
        "compares exp in milliseconds, or takes it as text", "expiry-in-milliseconds", "numbers-as-text"
    ),
    "S09": _bug(
        "does not check for whom a message is, or takes a list of audiences",
        "addressee-not-compared",
        "audience-in-a-list",
        "any-home",
        "request-for-another-home",
    ),
    "S10": _bug(
        "confuses types of tokens",
        "any-typ",
        "typ-of-plain-tokens",
        "typ-with-application",
        "requests-are-messages",
        "receipt-as-a-message",
    ),
    "S11": _bug("ignores crit", "critical-extensions-ignored", "open-header"),
    "S12": _bug("takes two members of one name", "last-member-wins", "first-member-wins"),
    "S13": _bug(
        "takes NaN or lone surrogates, or falls over them and over deep nesting",
        "nan-taken",
        "lone-surrogates",
        "any-depth",
        "crashes-on-json",
    ),
    "S14": _bug(
        "takes padding or white space, so that one token has two spellings",
        "padded-segments",
        "unused-bits",
        "trimmed-token",
    ),
    "S15": _bug("takes a message twice", "repeats-forgotten-after-ten", "repeat-is-delivered-again"),
    "S16": _bug("remembers ids over all senders, so that one blocks another", "jti-of-others-counts"),
    "S17": _bug("remembers an id before it has verified the signature", "forgery-burns-the-message"),
    "S18": _bug(
        "forgets what it has taken too early", "repeats-forgotten-after-ten", "repeats-forgotten-after-exp"
    ),
    "S19": _bug("takes both of two equal messages that come at once", "quick-repeats-get-202"),
    "S20": _bug(
        "gives a repetition a second effect or another answer",
        "repeat-is-delivered-again",
        "repeat-gets-202",
        "repeat-gets-a-new-receipt",
        "repeat-without-a-signature",
    ),
    "S21": _bug(
        "lets a consent be used after it was revoked",
        "withdrawn-consents-count",
        "lapsed-consents-count",
        "row-consent-withdraw-changes-nothing",
    ),
    "S22": _bug(
        "lets what has ended come back by a later message",
        "row-withdrawn-and-accepted",
        "row-rejected-and-accepted",
        "lapsed-offers-revive",
        "ends-are-not-the-end",
    ),
    "S23": _bug(
        "takes a purpose outside what was granted",
        "fields-of-another-purpose",
        "any-field-disclosed",
        "schema-purpose-that-is-none",
        "any-consent-is-enough",
        "grants-of-anything",
    ),
    "S24": _bug(
        "honours what has passed its date",
        "deadlines-never-pass",
        "state-agreed-for-ever",
        "deadline-a-second-late",
    ),
    "S25": _bug(
        "lets a third party end an agreement",
        "strangers-act-as-the-second-party",
        "row-organisation-withdraws",
    ),
    "S26": _bug(
        "lets an older message that comes late win",
        "stale-answers-taken",
        "row-asks-no-head",
        "versions-not-counted",
    ),
    "S27": _bug(
        "lets a stage of the relationship be skipped",
        "invitations-far-up",
        "steps-beyond-the-agreement",
        "begun-on-the-second-rung",
    ),
    "S28": _bug(
        "lets the vendor alone raise a stage",
        "relationships-steps-by-either",
        "rungs-rise-with-the-agreement",
    ),
    "S29": _struck(
        "lets the vendor write outside the agreed channel",
        "no channel is agreed in the profiles core, terms and intent",
    ),
    "S30": _bug(
        "takes a counter-offer as acceptance, or an acceptance of terms that were replaced",
        "row-alternative-agrees",
        "alternative-not-what-is-accepted",
        "old-offers-accepted",
        "row-alternative-is-not-the-offer",
    ),
    "S31": _bug(
        "does not compare the digest of terms",
        "digests-not-compared",
        "accepted-by-its-name",
        "manifest-of-the-record-written-anew",
    ),
    "S32": _bug(
        "takes offers on an intent that is over, or in another currency",
        "offers-on-closed-intents",
        "offers-on-paused-intents",
        "currencies-not-looked-at",
    ),
    "S33": _bug(
        "shows an intent to who may not see it, or more of the person than a region",
        "signed-boards-public",
        "filters-not-looked-at",
        "schema-exact-place",
    ),
    "S34": _bug(
        "lets strangers read",
        "everybody-reads",
        "records-for-everybody",
        "blobs-for-everybody",
        "unsigned-requests",
    ),
    "S35": _bug(
        "relates a message to a wrong thread or predecessor",
        "receipt-without-a-thread",
        "prior-is-the-first",
        "any-prev",
    ),
    "S36": _bug(
        "takes an unknown member where it is closed, or refuses an extension where it is open",
        "open-claims",
        "open-bodies",
        "schema-open-terms-proffer",
        "unknown-extensions-refused",
    ),
    "S37": _bug(
        "does not require what is required, or takes another type for it",
        "schema-terms-proffer-without-purpose",
        "numbers-as-text",
        "schema-version-as-a-number",
    ),
    "S38": _bug(
        "is off by one, folds letter case, or does not anchor a pattern",
        "schema-thirteen-acceptable",
        "schema-place-in-small-letters",
        "schema-version-in-three-parts",
        "schema-long-reason",
    ),
    "S39": _bug("does not assert formats", "formats-not-asserted", "schema-times-with-an-offset"),
    "S40": _bug("takes a message of two kinds at once", "schema-content-of-both-kinds"),
    "S41": _bug(
        "reads money as a number",
        "schema-money-as-a-number",
        "schema-money-with-more-digits",
        "tokens-written-anew",
    ),
    "S42": _bug("changes text that was signed", "tokens-written-anew", "texts-with-other-line-ends"),
    "S43": _bug(
        "signs receipts with a wrong key, or for or as the wrong party",
        "receipt-with-another-key",
        "receipt-with-a-wrong-kid",
        "receipt-by-the-sender",
        "receipt-for-the-home",
    ),
    "S44": _bug(
        "computes digests over JSON that it has written anew",
        "receipt-of-the-token",
        "manifests-written-anew",
        "manifest-of-the-record-written-anew",
    ),
    "S45": _struck(
        "does not deliver again after a failure, or for ever", "a home calls nobody: inboxes are polled"
    ),
    "S46": _bug("delivers after it has to be silent", "inbox-kept-after-a-purge", "purged-vendors-told"),
    "S47": _bug("fetches where strangers send it", "redirects-followed", "addressees-fetched"),
    "S48": _bug(
        "answers errors with 200, with 500 or with its own traces",
        "problems-with-200",
        "crashes-on-json",
        "trace-in-the-problem",
        "problems-as-json",
        "bodies-echoed",
    ),
    "S49": _bug(
        "reads bodies without a bound, of any media type, or confuses methods",
        "long-tokens",
        "cut-off-at-the-limit",
        "any-media-type",
        "wrong-method-is-not-found",
    ),
    "S50": _bug(
        "goes on with an old key, or does not learn a new one",
        "old-key-still-taken",
        "historical-keys-taken",
        "revocations-forgotten",
        "documents-kept-for-a-day",
    ),
    "S51": _bug("takes an unknown version for its own", "any-version-is-this-one"),
    "S52": _bug("forgets with a restart", "nothing-on-disk"),
    "S53": _bug("claims a profile that it does not serve", "profile-not-served", "boards-not-listed"),
    "S54": _bug("takes everything", "takes-everything", "receipt-for-all", "judges-nothing"),
    "S55": _bug("refuses everything", "refuses-everything", "always-unavailable"),
}
