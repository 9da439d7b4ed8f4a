"""Write what is made from proto/, or with --check say what is stale.

src/integration_api/proto/*_pb2.py, *_pb2.pyi  the messages (proto/integration_api/proto)
src/integration_api/proto/services.binpb       every file with its imports, for server reflection

Apart from `scripts.generate`, because the service does not start without these files.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.rpc import error_details_pb2
from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
PROTO = ROOT / "proto"
MADE = ROOT / "src/integration_api/proto"
GOOGLES = Path(error_details_pb2.__file__).parents[2]
DETAILS = "google/rpc/error_details.proto"
"""What the details of a status are made of: so that clients without stubs can show them."""


def compile_into(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Compile everything; yield each file's place in the repository with its content."""
    messages = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("integration_api/proto/*.proto"))
    services = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("services/*.proto"))
    bundle = folder / "services.binpb"
    include = ["protoc", f"-I{PROTO}", f"-I{Path(protoc.__file__).parent / '_proto'}"]
    _run([*include, f"--python_out={folder}", f"--pyi_out={folder}", *messages])
    described = [*messages, *services, DETAILS]
    _run([*include, f"-I{GOOGLES}", "--include_imports", f"--descriptor_set_out={bundle}", *described])
    for path in sorted((folder / "integration_api/proto").iterdir()):
        yield MADE / path.name, path.read_bytes()
    yield MADE / bundle.name, bundle.read_bytes()


def _run(command: list[str]) -> None:
    if code := protoc.main(command):
        sys.exit(code)


def main() -> int:
    check = "--check" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        made = dict(compile_into(Path(folder)))
    stale = [path for path, content in made.items() if not path.exists() or path.read_bytes() != content]
    stale += [path for path in MADE.glob("*_pb2.py*") if path not in made]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is not current: run make generate")
        elif path in made:
            path.write_bytes(made[path])
            print(f"wrote {path.relative_to(ROOT)}")
        else:
            path.unlink()
            print(f"removed {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
