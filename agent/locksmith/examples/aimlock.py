"""The lock of aim_lock_config.conf for programs in Python. Copy it.

PROTOCOL.md says why each step is there. Busy and Stale leave everything as it
was; any other error comes from the system."""

import contextlib, fcntl, os, struct, time

SLOT, HEAD = 4096, 20


class Busy(Exception):
    """Nobody gave way in time."""


class Stale(Exception):
    """The lease is over: acquire again and begin anew."""


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def sync_dir(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def set_lock(fd, kind):
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", kind, os.SEEK_SET, 0, 0, 0))


class Lease:
    """The right to write for so many seconds, once acquire has returned."""

    def __init__(self, run, state, name, holder, reason, seconds=30):
        if any(c in '"\\' or not " " <= c <= "~" for c in name + holder + reason):
            raise ValueError("holder and reason: printable ASCII without quotes and backslashes")
        self.run, self.state, self.name, self.holder, self.reason, self.seconds = run, state, name, holder, reason, seconds

    def lock(self, kind, patience):
        """Takes the kernel lock on a file, whose descriptor it returns."""
        path, end = os.path.join(self.run, f"{self.name}.{kind}"), boottime() + int(patience * 1e9)
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o660)  # Python adds O_CLOEXEC
            with contextlib.suppress(BlockingIOError, PermissionError, FileNotFoundError):
                set_lock(fd, fcntl.F_WRLCK)
                if os.path.samestat(os.fstat(fd), os.lstat(path)):  # else somebody replaced it
                    return fd
            os.close(fd)
            if boottime() >= end:
                raise Busy(path)
            time.sleep(0.02)

    def unlock(self, fd):
        set_lock(fd, fcntl.F_UNLCK)  # by name: a child may have a copy of the descriptor
        os.close(fd)

    @contextlib.contextmanager
    def commit_lock(self):
        fd = self.lock("commit", 2)
        try:
            yield
        finally:
            self.unlock(fd)

    def read_epoch(self, raising=False):
        """The epoch; raising makes the next one durable first. Under the commit lock."""
        fd = os.open(os.path.join(self.state, self.name + ".epoch"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            os.ftruncate(fd, 2 * SLOT)
            file, seq, epoch = os.pread(fd, 2 * SLOT, 0), 0, 0
            for i in 0, 1:  # the newer of two whole slots
                magic, size, n, crc, value = struct.unpack_from("<4sIQI8s", file, i * SLOT)
                if magic == b"AIMS" and size == 8 and n % 2 == i and n > seq and crc == crc32c(file[i * SLOT : i * SLOT + 16] + value):
                    seq, epoch = n, int.from_bytes(value, "big")
            if seq == 0 and any(file[:HEAD]) or raising and self.recorded() > epoch:
                raise OSError("the epoch's file is damaged or lost: have the agent repair it")
            if not raising:
                return epoch
            sync_dir(self.state)
            os.fdatasync(fd)  # what another may not have synced: the other slot is about to go
            seq, epoch = seq + 1, epoch + 1
            head, value = struct.pack("<4sIQ", b"AIMS", 8, seq), epoch.to_bytes(8, "big")
            try:
                os.pwrite(fd, head + struct.pack("<I", crc32c(head + value)) + value, seq % 2 * SLOT)
                os.fdatasync(fd)
            except OSError:
                os.pwrite(fd, bytes(HEAD), seq % 2 * SLOT)  # not durable: nobody may take it for that
                raise
            return epoch
        finally:
            os.close(fd)

    def recorded(self):
        """The epoch on record; 0 without one."""
        with contextlib.suppress(FileNotFoundError, StopIteration, ValueError):
            with open(os.path.join(self.state, self.name + ".rec"), errors="replace") as f:
                return int(next(line for line in f if line.startswith("epoch "))[6:])
        return 0

    def write_record(self, state):
        """Says whose the lock is. Under the commit lock."""
        with open("/proc/sys/kernel/random/boot_id") as f:
            boot = f.read().strip()
        with open("/proc/self/stat") as f:
            start = f.read().rpartition(")")[2].split()[19]
        text = f'aimlock-record 1\nname "{self.name}"\nstate "{state}"\nepoch {self.epoch}\nrole "orchestrator"\n'
        text += f'holder "{self.holder}"\nreason "{self.reason}"\npid {os.getpid()}\nstart {start}\nboot "{boot}"\n'
        text += f"acquired {self.acquired}\nrenewed {self.acquired}\ndeadline {self.deadline}\nwall {time.time_ns() // 10**6}\n"
        path = os.path.join(self.state, self.name + ".rec")
        tmp = os.path.join(self.state, f".{self.name}.rec.{int.from_bytes(os.urandom(8), 'big'):016x}.tmp")
        with open(tmp, "x") as f:
            f.write(text + f"crc {crc32c(text.encode()):08x}\n")
        os.rename(tmp, path)

    def acquire(self, patience):
        self.fd = self.lock("lock", patience)
        try:
            with self.commit_lock():
                self.epoch = self.read_epoch(raising=True)
                self.acquired = boottime()
                self.deadline = self.acquired + self.seconds * 10**9
                self.write_record("held")
        except BaseException:
            self.unlock(self.fd)
            raise

    def commit(self, staged, live):
        """Puts the staged, synced file in the place of live, in the same folder."""
        with self.commit_lock():
            now = self.read_epoch()
            if now != self.epoch or boottime() >= self.deadline:
                raise Stale(f"our epoch is {self.epoch}, the current one {now}")
            os.rename(staged, live)
            sync_dir(os.path.dirname(live))

    def release(self):
        """Gives the lease back; a record that is another's stays."""
        try:
            with self.commit_lock():
                if self.read_epoch() == self.epoch:
                    self.write_record("released")
                self.unlock(self.fd)
        except Busy:
            self.unlock(self.fd)
