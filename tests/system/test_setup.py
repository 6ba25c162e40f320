"""tools/setup's derivation of a backports source, on made-up systems (sources.list(5))."""
import os
import subprocess

import pytest

from qemu import ROOT

MIRROR = "http://mirror.example/debian"

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb cdrom:[Debian GNU/Linux 12.5.0 _Bookworm_ - Official amd64 NETINST]/ bookworm main
deb-src {m} bookworm main
deb [ arch=amd64 signed-by=/usr/share/keyrings/k.gpg ] {m} bookworm main contrib # tail
deb http://security.example/debian-security bookworm-security main
"""
DEB822 = """\
# A comment before the first stanza
Types: deb deb-src
URIs: {m}
Suites: bookworm bookworm-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/k.gpg

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
"""
DISABLED_FIRST = """\
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
Enabled: no

""" + DEB822
EMBEDDED_KEY = """\
Types: deb
URIs: {m}
Suites:
 bookworm
 bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abcdef
 -----END PGP PUBLIC KEY BLOCK-----
"""
OTHERS = "deb https://vendor.example/apt sdk-bookworm main\n"


def run(root, command):
    return subprocess.run(["bash", "-c", "source tools/setup; " + command], cwd=ROOT, text=True,
                          capture_output=True, env={**os.environ, "ROOT": str(root)})


@pytest.fixture
def system(tmp_path):
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)

    def write(one_line=None, deb822=None, vendor=OTHERS):
        if one_line:
            (tmp_path / "etc/apt/sources.list").write_text(one_line.format(m=MIRROR))
        if deb822:
            (tmp_path / "etc/apt/sources.list.d/debian.sources").write_text(deb822.format(m=MIRROR))
        (tmp_path / "etc/apt/sources.list.d/a-vendor.list").write_text(vendor)
        return tmp_path
    return write


BACKPORTS = "bookworm-backports"
ENABLE = "enable_backports bookworm && cat $ROOT/etc/apt/sources.list.d/millrace-backports.*"


@pytest.mark.parametrize("form", [{"deb822": DEB822}, {"deb822": DISABLED_FIRST}], ids=["first", "after-a-disabled-one"])
def test_backports_come_from_the_systems_own_mirror(system, form):
    result = run(system(**form), ENABLE)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    for wanted in ("Types: deb", "URIs: " + MIRROR, "Suites: " + BACKPORTS, "Components: main",
                   "Signed-By: /usr/share/keyrings/k.gpg"):
        assert lines.count(wanted) == 1, lines
    assert len([line for line in lines if line.startswith(("Types:", "Suites:", "Components:"))]) == 3


def test_backports_come_from_a_line_of_the_old_format_too(system):
    result = run(system(one_line=ONE_LINE), ENABLE)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[2:] == [
        "deb [ arch=amd64 signed-by=/usr/share/keyrings/k.gpg ] %s %s main" % (MIRROR, BACKPORTS)]


def test_a_line_without_options(system):
    result = run(system(one_line="deb  {m}  bookworm main\n"), ENABLE)
    assert result.stdout.splitlines()[2:] == ["deb  %s %s main" % (MIRROR, BACKPORTS)]


def test_an_embedded_key_goes_along(system):
    result = run(system(deb822=EMBEDDED_KEY), ENABLE)
    assert result.returncode == 0
    assert " abcdef" in result.stdout.splitlines()
    assert "bookworm-updates" not in result.stdout


@pytest.mark.parametrize("form", [{"deb822": EMBEDDED_KEY}, {"one_line": ONE_LINE}], ids=["deb822", "one-line"])
def test_the_result_is_a_source_of_its_own(system, form):
    root = system(**form)
    assert run(root, "has_suite " + BACKPORTS).returncode == 1
    assert run(root, "enable_backports bookworm").returncode == 0
    assert run(root, "has_suite " + BACKPORTS).returncode == 0
    again = run(root, "enable_backports bookworm")
    assert (again.returncode, again.stdout) == (0, "")


def test_a_system_without_its_own_source_is_refused(system):
    result = run(system(), "enable_backports bookworm")
    assert result.returncode != 0
    assert "no source of 'bookworm'" in result.stderr


def test_a_suite_is_compared_as_a_whole_word(system):
    root = system(deb822=DEB822)
    assert run(root, "has_suite bookworm").returncode == 0
    assert run(root, "has_suite bookworm-updates").returncode == 0
    assert run(root, "has_suite book").returncode == 1
    assert run(root, "has_suite bookworm-backports").returncode == 1


@pytest.mark.parametrize("have,want,good", [
    ("7.2.11", "8.2", False), ("8.2.2", "8.2", True), ("8.2", "8.2", True), ("10.0.2", "8.2", True)])
def test_versions_are_compared_by_number(system, have, want, good):
    assert (run(system(), "version_at_least %s %s" % (have, want)).returncode == 0) == good


APT_CACHE = """#!/bin/sh
case "$1 $2" in
"depends linux-image-{meta}") echo "linux-image-{meta}"; echo "  {mark}Depends: {image}" ;;
"depends {image}") printf '%s\\n' "{image}" "  Depends: kmod" "{more}" ;;
"madison {extra}") echo " {extra} | 1 | http://mirror.example" ;;
esac
"""


@pytest.mark.parametrize("system_has,wanted", [
    ({"meta": "amd64", "image": "linux-image-6.1.0-1-amd64", "more": " |Depends: linux-initramfs-tool", "mark": "",
      "extra": "none"}, ["linux-image-6.1.0-1-amd64"]),
    ({"meta": "generic", "image": "linux-image-6.8.0-1-generic", "more": "  Depends: linux-modules-6.8.0-1-generic",
      "mark": "", "extra": "linux-modules-extra-6.8.0-1-generic"},
     ["linux-image-6.8.0-1-generic", "linux-modules-6.8.0-1-generic", "linux-modules-extra-6.8.0-1-generic"]),
    ({"meta": "other", "image": "linux-image-1", "more": "", "mark": "", "extra": "none"}, []),
], ids=["debian", "ubuntu", "neither"])
def test_the_kernel_of_the_nested_test_is_the_systems_own(system, tmp_path, system_has, wanted):
    fake = tmp_path / "apt-cache"
    fake.write_text(APT_CACHE.format(**system_has))
    fake.chmod(0o755)
    result = run(system(), "PATH=%s:$PATH; kernel_packages linux-image-amd64 linux-image-generic" % tmp_path)
    assert (result.returncode, result.stdout.split(), result.stderr) == (0, wanted, "")


def make_deb(folder, name, paths):
    for path in ["DEBIAN/control", *paths]:
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(path + "\n")
    (folder / name / "DEBIAN/control").write_text(
        "Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: none\nDescription: made up\n" % name)
    subprocess.run(["dpkg-deb", "-b", str(folder / name), str(folder / "packages" / (name + ".deb"))], check=True,
                   capture_output=True)


@pytest.mark.parametrize("prefix", ["", "usr/"], ids=["split-usr", "merged-usr"])
def test_the_kernel_is_unpacked_and_trimmed(system, tmp_path, prefix):
    modules = prefix + "lib/modules/6.1.0-1/kernel/"
    (tmp_path / "packages").mkdir()
    (tmp_path / "new").mkdir()
    make_deb(tmp_path, "image", ["boot/vmlinuz-6.1.0-1", modules + "net/9p/9pnet.ko", modules + "sound/snd.ko"])
    make_deb(tmp_path, "busybox-static", ["usr/share/lintian/overrides/busybox", prefix + "bin/busybox"])
    result = run(system(), "unpack_linux %s/packages %s/new" % (tmp_path, tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    found = sorted(str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new").rglob("*") if path.is_file())
    assert found == ["busybox", "linux/net/9p/9pnet.ko", "vmlinuz"]
    assert (tmp_path / "new/busybox").read_text() == prefix + "bin/busybox\n"


def test_no_mirror_is_named():
    with open(os.path.join(ROOT, "tools/setup"), encoding="utf-8") as f:
        assert "://" not in f.read()


def test_nothing_missing_takes_no_time_and_says_nothing():
    result = subprocess.run([os.path.join(ROOT, "tools/setup")], capture_output=True, text=True, timeout=120)
    said = [line for line in result.stdout.splitlines() if "clang-format-14 is not available" not in line]
    assert (result.returncode, said, result.stderr) == (0, [], "")


def test_without_root_it_says_what_to_run(tmp_path):
    """A package is made to be missing by a dpkg-query that knows nothing."""
    fake = tmp_path / "dpkg-query"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    identity = tmp_path / "id"
    identity.write_text("#!/bin/sh\necho 1000\n")
    identity.chmod(0o755)
    result = subprocess.run([os.path.join(ROOT, "tools/setup"), "--run"], capture_output=True, text=True,
                            env={**os.environ, "PATH": "%s:%s" % (tmp_path, os.environ["PATH"])}, timeout=240)
    assert result.returncode == 1
    assert "sudo tools/setup --run" in result.stderr
    assert "newlib-source" in result.stderr
