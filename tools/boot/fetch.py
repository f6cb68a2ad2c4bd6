#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Downloads Debian packages by name and unpacks them, without installing any.

    fetch.py LIST DIR [GROUP]

LIST is config/boot-packages, where the format is explained. The .deb files go
to DIR/debs, their content to DIR/root, and DIR/versions says what is there;
it is written last, so that it can be the target of a make rule. A package
that was downloaded before is not downloaded again.
"""

import glob
import os
import re
import shutil
import subprocess
import sys

# Of a kernel package we want the image, the Xen drivers, and modules about
# disks that guests of tests load: the others are 300 MB.
KERNEL_PARTS = ["./boot/vmlinuz-*", "./boot/config-*",
                "./lib/modules/*/kernel/drivers/xen",
                "./lib/modules/*/kernel/drivers/block/*.ko",
                "./lib/modules/*/kernel/drivers/block/zram",
                "./lib/modules/*/kernel/drivers/md/dm-*.ko",
                "./lib/modules/*/kernel/mm",
                "./lib/modules/*/kernel/crypto"]


class FetchError(Exception):
    """Something that the user has to see to."""


def run(*command, **keywords):
    return subprocess.run(command, check=False, text=True,
                          capture_output=True, **keywords)


def read_list(path, group):
    """Yields (package, version) for each line of the group."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) not in (2, 3):
                raise FetchError(f"{path}:{number}: expected PACKAGE VERSION "
                                 f"[GROUP], found: {line.strip()}")
            if (words[2] if len(words) == 3 else "") == group:
                yield words[0], words[1]


def candidate(package):
    """The version that apt would install now, or None."""
    policy = run("apt-cache", "policy", package, env=english()).stdout
    found = re.search(r"^\s*Candidate: (\S+)", policy, re.M)
    return found.group(1) if found and found.group(1) != "(none)" else None


def english():
    return dict(os.environ, LC_ALL="C.UTF-8")


def is_available(package, version):
    return bool(run("apt-cache", "show", f"{package}={version}").stdout)


def choose_version(package, pinned):
    if is_available(package, pinned):
        return pinned
    newest = candidate(package)
    if newest is None:
        raise FetchError(f"apt knows no package {package}; run "
                         f"'apt-get update' as root and try again")
    print(f"fetch: warning: {package} {pinned} is not to be had any more; "
          f"using {newest} (see the head of config/boot-packages)",
          file=sys.stderr)
    return newest


def dependency(package, version, pattern):
    """(package, version) of the one that it needs in exactly one version."""
    shown = run("apt-cache", "show", f"{package}={version}").stdout
    found = re.search(rf"^Depends:.*?\b({pattern}) \(= (\S+?)\)", shown, re.M)
    if not found:
        raise FetchError(f"cannot tell which kernel {package} stands for")
    return found.groups()


def concrete(package, version):
    """[(package, version)] that a metapackage stands for: the one with a
    kernel in it, or the two with the headers of one."""
    if not re.fullmatch(r"linux-(image|headers)-(cloud-)?amd64", package):
        return [(package, version)]
    kind = package.split("-")[1]
    own = dependency(package, version, rf"linux-{kind}-[0-9]\S*")
    if kind == "image":
        return [own]
    return [own, dependency(*own, r"linux-headers-[0-9]\S*-common")]


def find_deb(package, version, directory):
    """By the file name that apt-get download gives; None: it is not there."""
    name = f"{package}_{version.replace(':', '%3a')}"
    for architecture in ("amd64", "all"):
        path = os.path.join(directory, f"{name}_{architecture}.deb")
        if os.path.exists(path):
            return path
    return None


def download(package, version, directory):
    """Returns the .deb's path, or None when apt cannot get it."""
    path = find_deb(package, version, directory)
    if path:
        return path
    # As root apt would change to a user who may not write here.
    result = run("apt-get", "-q", "-o", "APT::Sandbox::User=root",
                 "download", f"{package}={version}", cwd=directory)
    path = find_deb(package, version, directory)
    if path:
        return path
    print(f"fetch: cannot download {package}={version}:\n"
          f"{result.stderr.strip()}", file=sys.stderr)
    return None


def unpack(deb, root):
    if not os.path.basename(deb).startswith("linux-image-"):
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
        return
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb],
                          stdout=subprocess.PIPE) as unpacker:
        subprocess.run(["tar", "-x", "-C", root, "--wildcards",
                        *KERNEL_PARTS], stdin=unpacker.stdout, check=True)
    if unpacker.returncode:
        raise FetchError(f"cannot unpack {deb}")


def refresh_lists():
    """Has apt look at the mirror again; returns whether it could."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and not shutil.which("sudo"):
        return False
    print("fetch: apt-get update")
    return subprocess.run([*as_root, "apt-get", "-q", "update"],
                          check=False).returncode == 0


def get(package, pinned, debs):
    """Returns [(package, version, path)], a metapackage being resolved.

    apt may remember a version that the mirror has already replaced: then its
    lists are renewed, and what they offer now is taken.
    """
    for is_last in (False, True):
        got = [(name, version, download(name, version, debs)) for
               name, version in concrete(package,
                                         choose_version(package, pinned))]
        if all(path for _, _, path in got):
            return got
        if is_last or not refresh_lists():
            break
    raise FetchError(f"cannot get {package}; run 'apt-get update' as root "
                     f"and try again")


def main(list_path, directory, group=""):
    debs = os.path.join(directory, "debs")
    root = os.path.join(directory, "root")
    os.makedirs(debs, exist_ok=True)
    # A container starts without package lists.
    if not glob.glob("/var/lib/apt/lists/*Packages*"):
        refresh_lists()
    versions = []
    paths = []
    for package, pinned in read_list(list_path, group):
        for name, version, path in get(package, pinned, debs):
            if path in paths:
                continue
            paths.append(path)
            versions.append(f"{name} {version}")
            print(f"fetch: {versions[-1]}", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    for path in paths:
        unpack(path, root)
    for stale in set(glob.glob(os.path.join(debs, "*.deb"))) - set(paths):
        os.remove(stale)
    with open(os.path.join(directory, "versions"), "w",
              encoding="utf-8") as out:
        out.write("\n".join(versions) + "\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except FetchError as error:
        sys.exit(f"fetch: {error}")
