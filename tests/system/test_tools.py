"""The tools that judge: each must be able to say no."""
import os
import re
import subprocess
import time

import pytest

from qemu import ROOT, check_law

GOOD = """\
/* x.c - a driver. */
#include "nic/x.h"

static uint16_t x_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return n;
}

static int x_start(struct port *port)
{
    log_info("started");
    return 0;
}
"""


def check_style(folder, path, text):
    full = folder / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_text(text)
    return subprocess.run([os.path.join(ROOT, "tools", "check-style"), path], cwd=folder, text=True,
                          capture_output=True, check=False)


def test_style_accepts_what_is_good(tmp_path):
    (tmp_path / ".clang-format").write_text(open(os.path.join(ROOT, ".clang-format"), encoding="utf-8").read())
    run = check_style(tmp_path, "nic/x.c", GOOD)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("path,old,new,finding", [
    ("nic/x.c", "    return n;", "    return n; ", "trailing blank"),
    ("nic/x.c", "    return n;", "\treturn n;", "tab"),
    ("nic/x.c", "    return n;", "    printf(\"%u\", n);\n    return n;", "printf on the data path (x_rx_burst)"),
    ("virtio/x.c", "    return n;", "    log_error(\"no\");\n    return n;", "log_error on the data path"),
    ("nic/x.c", "    return n;", "    assert(n);\n    return n;", "assert on the data path"),
    ("nic/x.c", "    return 0;", "    while (!(mmio_read32(reg) & 1));\n    return 0;", "wait without a limit"),
    ("nic/x.c", "static int", "#ifdef DEBUG\n#endif\nstatic int", "#ifdef in a .c file"),
    ("nic/x.h", "static int", "typedef struct x x_t;\nstatic int", "typedef of a struct"),
    ("nic/x.h", "return 0;", "return 0; /* " + "x" * 100 + " */", "columns"),
    ("nic/x.c", "return 0;\n}\n", "return 0;\n}", "no newline at the end"),
    ("nic/x.c", "\"started\"", "\"%u of %zu\", 1u, sizeof *port", "%zu, which the image's printf does not know"),
    ("apps/x.c", "\"started\"", "\"%-6lld\", 1ll", "%-6lld, which"),
    ("kernel/x.h", "\"started\"", "\"%02hhx\", 1", "%02hhx, which"),
    ("docs/x.md", "return 0;", "return 0; ", "trailing blank")])
def test_style_refuses(tmp_path, path, old, new, finding):
    assert old in GOOD
    run = check_style(tmp_path, path, GOOD.replace(old, new, 1))
    assert run.returncode == 1 and finding in run.stdout, run.stdout


def test_style_looks_at_code_not_at_comments(tmp_path):
    text = GOOD.replace("    return n;", "    /* no printf(\"x\") here */\n    return n;")
    assert "data path" not in check_style(tmp_path, "nic/x.c", text).stdout


def test_style_accepts_what_printf_knows(tmp_path):
    text = GOOD.replace("\"started\"", "\"/* 100%%zu %lu %-3.2lx %hu %c \" PRIu64, 1ul, 2ul, h, c, n")
    assert "printf" not in check_style(tmp_path, "nic/x.c", text).stdout
    text = GOOD.replace("log_info(\"started\")", "printf(\"%zu\", sizeof *port)")
    assert "printf" not in check_style(tmp_path, "tests/unit/x.c", text).stdout


def program(folder, name, text):
    path = folder / name
    path.write_text("#!/bin/bash\n" + text)
    path.chmod(0o755)
    return str(path)


def run_tool(folder, *words):
    return subprocess.run([os.path.join(ROOT, "tools", words[0]), *words[1:]], cwd=folder, text=True,
                          capture_output=True, check=False, timeout=240)


def test_run_fuzz_counts_crashes(tmp_path):
    good = program(tmp_path, "fuzz_good", "echo 'stat::number_of_executed_units: 7' >&2")
    bad = program(tmp_path, "fuzz_bad", "echo 'Test unit written to build/crash-1' >&2; exit 77")
    run = run_tool(tmp_path, "run-fuzz", "1", good, bad)
    assert run.returncode == 1
    assert run.stdout.endswith("fuzz: 1 passed, 1 failed\n") and "build/crash-1" in run.stdout
    run = run_tool(tmp_path, "run-fuzz", "1", good)
    assert (run.returncode, run.stdout.splitlines()[-1]) == (0, "fuzz: 1 passed, 0 failed")


def test_run_unit_counts_failures_and_crashes(tmp_path):
    good = program(tmp_path, "test_good", "echo '[       OK ] one'; echo '[       OK ] two'")
    bad = program(tmp_path, "test_bad", "echo '[       OK ] one'; echo '[  FAILED  ] two'; exit 1")
    crash = program(tmp_path, "test_crash", "kill -SEGV $$")
    run = run_tool(tmp_path, "run-unit", good, bad, crash)
    assert run.returncode == 1
    assert run.stdout.splitlines()[-1] == "unit: 3 passed, 2 failed"


@pytest.mark.parametrize("wanted", ["kvm", "tcg"])
def test_accel_can_be_told(wanted):
    run = subprocess.run([os.path.join(ROOT, "tools", "accel")], env={**os.environ, "MILLRACE_ACCEL": wanted},
                         capture_output=True, text=True, check=True)
    assert run.stdout == wanted + "\n"


def test_the_iso_is_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        subprocess.run([os.path.join(ROOT, "tools", "make-iso"), os.path.join(ROOT, "build", "millrace.elf"),
                        str(tmp_path / name)], check=True)
        time.sleep(2.1)             # FAT counts time in units of 2 s
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_network_folder_is_the_same_every_time(tmp_path):
    made = []
    for name in ("a", "b"):
        subprocess.run([os.path.join(ROOT, "tools", "make-pxe"), os.path.join(ROOT, "build", "millrace.elf"),
                        os.path.join(ROOT, "build", "millrace.efi"), str(tmp_path / name)], check=True)
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        made.append({str(p.relative_to(tmp_path / name)): p.read_bytes() for p in files})
        time.sleep(1.1)
    assert made[0] == made[1]
    assert sorted(made[0]) == ["boot/grub/grub.cfg", "boot/grub/i386-pc/core.0", "millrace.efi",
                               "millrace.elf", "millrace.ipxe"]


def test_a_new_network_folder_keeps_the_configurations(tmp_path):
    own = tmp_path / "millrace-02-00-00-00-00-01.conf"
    own.write_text("forward l2\n")
    own.chmod(0o600)
    subprocess.run([os.path.join(ROOT, "tools", "make-pxe"), os.path.join(ROOT, "build", "millrace.elf"),
                    os.path.join(ROOT, "build", "millrace.efi"), str(tmp_path)], check=True)
    assert own.read_text() == "forward l2\n"
    assert own.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "millrace.elf").exists()


@pytest.mark.parametrize("name,rows", [("boot", 6), ("first-frame", 4), ("vfs", 5), ("sizes", 2)])
def test_bench_makes_its_tables(name, rows):
    """Few runs and frames: the code, not the figures."""
    run = subprocess.run([os.path.join(ROOT, "tools", "bench"), name], text=True, capture_output=True, check=False,
                         env={**os.environ, "BENCH_RUNS": "1", "BENCH_FRAMES": "300", "BENCH_LINUX": "no"}, timeout=300)
    assert (run.returncode, run.stderr) == (0, "")
    body = run.stdout.split("--\n")[-1].splitlines()
    assert len(body) == rows and all(re.search(r" +[\d.]+ (ms|kpps|KiB) +[\d.]+", line) for line in body), run.stdout
    if name == "boot":
        assert len([line for line in body if re.search(r" [\d.]+ ms$", line)]) == 4, "own parts: " + run.stdout


def test_bench_knows_its_tables(tmp_path):
    run = run_tool(tmp_path, "bench", "weather")
    assert run.returncode == 1 and "no table 'weather', expected some of: boot " in run.stderr


def law_holds(**changed):
    """Of two ports: 10 came in at one, 6 left by the other, one was answered, three dropped, one copied, one waits."""
    ports = [{"port": n, "driver": "virtio", "rx_packets": 0, "tx_packets": 0, "rx_dropped": 0, "tx_dropped": 0,
              "consumed": 0, "originated": 0, "copied": 0, "drops": {"no_route": 0, "tx_full": 0}} for n in range(2)]
    ports[0].update({"rx_packets": 10, "consumed": 1, "tx_packets": 1, "originated": 1, "rx_dropped": 1,
                     "drops": {"no_route": 1, "tx_full": 0}, **changed})
    ports[1].update({"tx_packets": 6, "copied": 1, "tx_dropped": 2, "drops": {"no_route": 0, "tx_full": 2}})
    try:
        check_law({"ports": ports, "held": changed.get("held", 1)})
    except AssertionError as error:
        return str(error)
    return "holds"


def test_the_law_is_checked():
    assert law_holds() == "holds"
    for name, value in (("rx_packets", 11), ("tx_packets", 0), ("consumed", 2), ("originated", 0), ("copied", 1),
                        ("held", 2)):
        told = law_holds(**{name: value})
        assert "came and" in told and "dropped as tx_full 2" in told and "port 0 (virtio): rx_packets 1" in told, told
    assert law_holds(rx_dropped=2) != "holds"           # not what the reasons add up to
    assert law_holds(drops={"no_route": 2}) != "holds"
