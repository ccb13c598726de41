"""`openbook doctor`: one line for each check."""

import typer

from cluster.doctor import run_checks
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.records import as_json


def doctor(
    json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """Check Ray, object store, Milvus and models; says what to do about a failure."""
    with open_session(json_output, config, overrides) as session:
        checks = run_checks(session)
        for check in checks:
            session.console.line(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}")
        ok = all(check.ok for check in checks)
        session.console.result({"ok": ok, "checks": [as_json(check) for check in checks]})
    if not ok:
        raise typer.Exit(1)
