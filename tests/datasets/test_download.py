"""Finding and downloading a file, against a server on this machine; the network is never used."""

import gc
import hashlib
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pooch
import pytest

from seqlearn.datasets import download
from seqlearn.datasets.download import RemoteFile, find_file
from seqlearn.errors import DataFormatError, DatasetNotFoundError, SeqlearnError

BODY = b"a song\n" * 20_000
SHA256 = hashlib.sha256(BODY).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serve BODY in the manner that the path names."""

    def do_GET(self):
        self.server.requested.append(self.path)
        if self.path == "/absent":
            self.send_error(404)
            return
        if self.path == "/silent":
            self.server.speak.wait()  # longer than any client does
        self.send_response(200)
        if self.path != "/cut_unknown_length":
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[: len(BODY) // 2 if "cut" in self.path else None])

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def running_server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        server.speak = threading.Event()
        thread.start()
        yield server
        server.speak.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def server(running_server):
    running_server.requested = []
    return running_server


@pytest.fixture
def remote(server):
    """Return a function that makes a file of the server, by the manner in which it is served."""

    def make(path="/whole", sha256=SHA256):
        url = f"http://127.0.0.1:{server.server_port}{path}"
        return RemoteFile("songs", "songs.txt", url, sha256)

    return make


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with an empty data home, named by SEQLEARN_DATA, and no cache folder as yet."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "_cache_folder", lambda: tmp_path / "cache")
    return tmp_path


def put(home, text="by hand"):
    """Put a file of its own into a data home."""
    path = home / "songs" / "songs.txt"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def files_below(folder):
    return [path for path in folder.rglob("*") if not path.is_dir()]


def nothing_was_left(machine):
    return [*machine.rglob("*")] == [machine / "home"]


# Where a file is found


def test_a_file_in_the_data_home_is_used_as_it_is(machine, remote, server):
    path = put(machine / "home")
    assert find_file(remote()) == path
    assert path.read_text() == "by hand" and not server.requested


def test_a_file_in_the_cache_is_used_as_it_is(machine, remote, server, monkeypatch):
    path = put(machine / "cache")
    assert find_file(remote()) == path
    monkeypatch.delenv("SEQLEARN_DATA")
    assert find_file(remote()) == path and not server.requested


def test_the_data_home_comes_before_the_cache(machine, remote):
    put(machine / "cache")
    path = put(machine / "home")
    assert find_file(remote()) == path


def test_the_argument_replaces_both_places(machine, remote, monkeypatch):
    put(machine / "home")
    put(machine / "cache")
    path = put(machine / "argument")
    monkeypatch.setenv("HOME", str(machine))
    for home in (machine / "argument", str(machine / "argument"), "~/argument"):
        assert find_file(remote(), home) == path
    with pytest.raises(DatasetNotFoundError) as caught:
        find_file(remote(), machine / "other", download_if_missing=False)
    looked_in = str(caught.value).partition(". ")[0]
    assert looked_in == f"songs.txt was not found; looked in {machine / 'other' / 'songs'}"


def test_without_a_download_the_places_and_the_way_out_are_named(
    machine, remote, server, monkeypatch
):
    with pytest.raises(DatasetNotFoundError) as caught:
        find_file(remote(), download_if_missing=False)
    message = str(caught.value)
    for part in (machine / "home" / "songs", machine / "cache" / "songs", remote().url):
        assert str(part) in message
    assert "download_if_missing is False" in message and "a folder songs" in message
    assert isinstance(caught.value, FileNotFoundError) and isinstance(caught.value, SeqlearnError)
    monkeypatch.delenv("SEQLEARN_DATA")
    with pytest.raises(DatasetNotFoundError, match=r"\$SEQLEARN_DATA is not set"):
        find_file(remote(), download_if_missing=False)
    assert not server.requested and not files_below(machine)


def test_a_data_home_that_is_no_folder(machine, remote, server, monkeypatch):
    monkeypatch.setenv("SEQLEARN_DATA", str(machine / "nowhere"))
    with pytest.raises(DatasetNotFoundError, match=r"SEQLEARN_DATA is set .* does not exist"):
        find_file(remote())
    assert not server.requested


def test_pooch_is_not_imported_for_a_file_that_is_there(machine):
    put(machine / "home")
    code = (
        "import sys\n"
        "from seqlearn.datasets.download import RemoteFile, find_file\n"
        "find_file(RemoteFile('songs', 'songs.txt', 'https://example.invalid', ''))\n"
        "sys.exit(bool({'pooch', 'requests', 'torch', 'sktime', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Downloads


def test_a_download_goes_to_the_data_home_once(machine, remote, server, capfd):
    level = pooch.get_logger().level
    path = find_file(remote())
    assert path == machine / "home" / "songs" / "songs.txt"
    assert path.read_bytes() == BODY and files_below(machine) == [path]
    assert find_file(remote()) == path and server.requested == ["/whole"]
    assert capfd.readouterr() == ("", "")
    assert pooch.get_logger().level == level


def test_a_download_goes_to_the_cache_when_no_data_home_is_set(machine, remote, monkeypatch):
    monkeypatch.delenv("SEQLEARN_DATA")
    assert find_file(remote()) == machine / "cache" / "songs" / "songs.txt"


def test_a_download_goes_to_the_cache_when_the_data_home_is_read_only(machine, remote):
    (machine / "home").chmod(0o555)
    path = find_file(remote())
    assert path == machine / "cache" / "songs" / "songs.txt" and files_below(machine) == [path]


def test_a_download_goes_to_the_cache_when_the_folder_of_the_corpus_is_none(machine, remote):
    (machine / "home" / "songs").write_text("a file")
    assert find_file(remote()) == machine / "cache" / "songs" / "songs.txt"


def test_a_download_goes_to_the_argument_which_need_not_exist(machine, remote):
    path = find_file(remote(), machine / "new" / "home")
    assert path == machine / "new" / "home" / "songs" / "songs.txt"
    assert files_below(machine) == [path]


def test_the_cache_folder_is_that_of_the_operating_system(monkeypatch):
    monkeypatch.undo()
    assert str(download._cache_folder()) == str(pooch.os_cache("seqlearn"))


# Downloads that fail: nothing is left, and the next attempt starts afresh


def test_a_wrong_checksum(machine, remote):
    expected = "0" * 64
    with pytest.raises(DataFormatError) as caught:
        find_file(remote(sha256=expected))
    message = str(caught.value)
    for part in ("songs.txt", remote().url, expected, SHA256, str(machine / "home" / "songs")):
        assert part in message
    assert isinstance(caught.value, ValueError) and nothing_was_left(machine)
    assert find_file(remote()).read_bytes() == BODY


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/cut", "IncompleteRead|Connection broken"),
        ("/absent", "404"),
        ("/silent", "timed out"),
    ],
)
def test_a_server_that_fails(machine, remote, monkeypatch, path, reason):
    with monkeypatch.context() as patch, pytest.raises(DatasetNotFoundError) as caught:
        if path == "/silent":
            patch.setattr(download, "_TIMEOUT", 0.1)
        find_file(remote(path))
    assert re.search(reason, str(caught.value))
    message = str(caught.value)
    for part in (machine / "home" / "songs", machine / "cache" / "songs", remote(path).url):
        assert str(part) in message
    assert "by other means" in message and nothing_was_left(machine)
    del caught
    gc.collect()  # a connection left open would warn here
    assert find_file(remote()).read_bytes() == BODY


def test_a_connection_cut_where_the_length_was_not_told(machine, remote):
    with pytest.raises(DataFormatError, match=SHA256):
        find_file(remote("/cut_unknown_length"))
    assert nothing_was_left(machine)


def test_no_network(machine):
    with socket.socket() as unused:  # bound but not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/songs.txt"
        with pytest.raises(DatasetNotFoundError, match=r"download from .* failed: .*refused"):
            find_file(RemoteFile("songs", "songs.txt", url, SHA256))
    assert nothing_was_left(machine)


def test_an_interrupt_leaves_nothing(machine, remote, monkeypatch):
    def interrupt(self, url, output_file, pooch):
        with open(output_file, "wb") as file:
            file.write(BODY[:100])
        raise KeyboardInterrupt

    level = pooch.get_logger().level
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        find_file(remote())
    assert nothing_was_left(machine) and pooch.get_logger().level == level


def test_a_folder_that_cannot_be_made(machine, remote):
    (machine / "file").write_text("not a folder")
    with pytest.raises(DatasetNotFoundError, match="failed"):
        find_file(remote(), machine / "file")
