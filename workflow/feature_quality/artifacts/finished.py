"""A finished run's files, kept where Snakemake does not delete them.

Snakemake deletes a job's outputs before the job starts, and starts jobs again that ended after it
was killed, or whose files lost their times in copying. Outputs are hard links to what is kept here:
a run that is started again is taken as it is, at no cost in space.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feature_quality.artifacts.atomic import replacing, write_text
from feature_quality.artifacts.checksum import sha256


class FinishedRun:
    """What is kept of a run: its files, and a record of whose they are, with their checksums.

    Args:
        outputs: where Snakemake expects the files, all in the run's folder.
        identity: JSON values that say which run, data, settings, code and machine they belong to.
    """

    def __init__(self, outputs: Sequence[str | Path], identity: Mapping[str, Any]) -> None:
        self.outputs = [Path(path) for path in outputs]
        self.identity = json.loads(json.dumps(identity))
        self.folder = self.outputs[0].parent / ".finished"

    def path(self, output: str | Path) -> Path:
        """Return where an output is kept, and has to be written."""
        return self.folder / Path(output).name

    def is_whole(self) -> bool:
        """Return whether every file is there, is this run's and has its checksum."""
        try:
            return bool(json.loads(self.path("record.json").read_text()) == self._record())
        except (OSError, ValueError, RecursionError):
            return False

    def close(self) -> None:
        """Record that every file has been written."""
        write_text(self.path("record.json"), json.dumps(self._record()))

    def link(self) -> None:
        """Put the files where Snakemake expects them; as copies if there are no hard links."""
        for output in self.outputs:
            with replacing(output) as temporary:
                temporary.unlink()
                try:
                    os.link(self.path(output), temporary)
                except OSError:
                    shutil.copyfile(self.path(output), temporary)

    def _record(self) -> dict[str, Any]:
        checksums = {output.name: sha256(self.path(output)) for output in self.outputs}
        return {"identity": self.identity, "sha256": checksums}
