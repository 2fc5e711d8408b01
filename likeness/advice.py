"""What to do about an error."""

from likeness.errors import LikenessError

NO_SUCH_METHOD = "Method not found!"
"""What gRPC says of a call that a server does not know."""
_ADVICE = {
    "UNAVAILABLE": "Is the gateway running? `likeness --address HOST:PORT`, or LIKENESS_ADDRESS, says where it is.",
    "UNAUTHENTICATED": "`likeness --token-file FILE`, or LIKENESS_TOKEN_FILE, shows a token, over TLS.",
    "PERMISSION_DENIED": "Ask the operator for a token with that role.",
    "COLLECTION_NOT_FOUND": "`likeness collections` lists what there is; `likeness index DIR` makes one.",
    "MODEL_NOT_FOUND": (
        "`likeness models` lists what is served, `likeness collections` what each collection has: "
        "-m NAME asks for one of these alone, and `make up MODELS=DIR` serves the models of a folder."
    ),
    "MODEL_FINGERPRINT_MISMATCH": (
        "The model changed since the collection got it: serve the new version under another name as well, and "
        "`likeness collections add-model` adds that one; or index into a new collection."
    ),
    "COLLECTION_DIFFERS": (
        "Leave --models and --metric out; `likeness collections add-model` adds a model, and the metric never changes."
    ),
    "INDEX_INCOMPLETE": (
        "`likeness collections feed-model`, or `likeness index` of the same folders, gives the model the images that "
        "it lacks, `likeness collections` says how far that is; until then -m NAME searches with another one, and "
        "`activate-model --force` uses it as it is."
    ),
    "MODEL_NOT_ADDED": "`likeness collections add-model` adds one of those that `likeness models` lists.",
    "URI_NOT_ALLOWED": (
        "The embedder reads only addresses under its operator's LIKENESS_EMBEDDER_URI_PREFIXES; the default has none, "
        "and `make up URI_PREFIXES=file:///srv/photos/` sets it on the local stack."
    ),
    "FORCE_REQUIRED": "Add --force to delete it nevertheless, with all that is in it.",
    "BACKEND_UNAVAILABLE": "`likeness status` says which part does not answer.",
    "DEADLINE_EXCEEDED": "`likeness status` says which part does not answer.",
    "OVERLOADED": "Try again later, or with a smaller --concurrency.",
}
_RECORDS_LOST = (
    "Redis is empty or older than Milvus. Its operator runs, beside the search service, `python -m search_service "
    "rebuild`, which brings back from Milvus what is lost; `python -m search_service reconcile` says what is left."
)
_OTHER_SERVICE = "Is that another service's address, or an older gateway's? The gateway's is wanted."


def explain(error: LikenessError) -> str:
    """Return one line: what happened, and what to do."""
    return f"{error.reason}: {error.message.rstrip('.')}. {_advice(error)}".rstrip()


def explain_reason(reason: str) -> str:
    """Return one line about an error that several images had: what to do."""
    return f"{reason}: {_ADVICE[reason]}"


def _advice(error: LikenessError) -> str:
    if error.message == NO_SUCH_METHOD:
        return _OTHER_SERVICE
    if error.reason == "BACKEND_UNAVAILABLE" and "records seem to be lost" in error.message:
        return _RECORDS_LOST
    return _ADVICE.get(error.reason, "")
