"""Places made of small files, and what a listing says of them."""

from pathlib import Path

from cluster.settings import IngestSettings, StoreSettings
from data_prep.documents.listed import Listing
from data_prep.documents.sources import list_sources


def listed(location: Path | str, **ingest: object) -> Listing:
    """What lies at a place on this machine, with these settings of `ingest`."""
    return list_sources(str(location), IngestSettings(**ingest), StoreSettings())


def names(listing: Listing) -> list[str]:
    """The ids of what can become documents."""
    return sorted(source.doc_id for source in listing.sources)


def reasons(listing: Listing) -> dict[str, str]:
    """Why the rest cannot."""
    return {failure.doc_id: failure.reason for failure in listing.failures}


def write(root: Path, *files: str) -> Path:
    """Files that say their own names."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"This is {name}.")
    return root


def folder_with_neighbour(root: Path) -> Path:
    """A folder with one document, and beside it another folder that is not the source."""
    write(root, "source/gate.md", "elsewhere/roof.md", "elsewhere/deep/cellar.md")
    return root / "source"
