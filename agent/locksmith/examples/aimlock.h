/* aimlock.h: the lock of aim_lock_config.conf for programs in C. Copy it.
 * PROTOCOL.md says why each step is there. Functions return 0, or -1 and errno:
 * EBUSY nobody gave way in time, ESTALE the lease is over, EILSEQ the epoch's
 * file is damaged or lost (have the agent repair it), else the system call's.
 * For little-endian machines. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SLOT = 4096, HEAD = 20, EPOCH = 8 };

struct lease {
	const char *run, *state, *name, *holder, *reason; /* printable ASCII without " and \ */
	int seconds;                                      /* 1 ... lock.ttl of the live file */
	int fd;                                           /* carries the kernel lock */
	uint64_t epoch;
	int64_t acquired, deadline; /* CLOCK_BOOTTIME, ns */
};

static uint32_t aim_crc(uint32_t crc, const void *p, size_t n) { /* CRC-32C */
	const uint8_t *b = p;
	for (crc = ~crc; n--;)
		for (int k = (crc ^= *b++, 8); k--;)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	return ~crc;
}

static int64_t aim_now(clockid_t clock) {
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* aim_lock takes the kernel lock on PATH.KIND; it tries for so many ms. */
static int aim_lock(const struct lease *l, const char *kind, int ms) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.%s", l->run, l->name, kind);
	for (int64_t end = aim_now(CLOCK_BOOTTIME) + ms * INT64_C(1000000);;) {
		struct stat mine, now;
		struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
		if (fd < 0)
			return -1;
		if (fcntl(fd, F_OFD_SETLK, &all) == 0) { /* it counts only if PATH still is this file */
			if (fstat(fd, &mine) == 0 && lstat(path, &now) == 0 && mine.st_ino == now.st_ino && mine.st_dev == now.st_dev)
				return fd;
		} else if (errno != EAGAIN && errno != EACCES) {
			return close(fd), -1;
		}
		close(fd);
		if (aim_now(CLOCK_BOOTTIME) >= end)
			return errno = EBUSY, -1;
		usleep(20000);
	}
}

static void aim_unlock(int fd) { /* by name: a child may have a copy of the descriptor */
	struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	fcntl(fd, F_OFD_SETLK, &all);
	close(fd);
}

static int aim_sync_dir(const char *dir) {
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), bad = fd < 0 || fsync(fd);
	if (fd >= 0)
		close(fd);
	return bad ? -1 : 0;
}

/* aim_recorded is the epoch on record; 0 without one. */
static uint64_t aim_recorded(const struct lease *l) {
	char path[4096], rec[2048] = "", *p;
	snprintf(path, sizeof path, "%s/%s.rec", l->state, l->name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && read(fd, rec, sizeof rec - 1) < 0)
		rec[0] = 0;
	if (fd >= 0)
		close(fd);
	return (p = strstr(rec, "\nepoch ")) ? strtoull(p + 7, NULL, 10) : 0;
}

/* aim_epoch reads the epoch; with raise it makes the next one durable first.
 * The caller has the commit lock. */
static int aim_epoch(const struct lease *l, int raise, uint64_t *epoch) {
	char path[4096];
	uint8_t file[2 * SLOT] = {0}, *s;
	uint64_t seq = 0, n;
	uint32_t crc, size = EPOCH;
	snprintf(path, sizeof path, "%s/%s.epoch", l->state, l->name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644), ok = fd >= 0;
	ok = ok && ftruncate(fd, sizeof file) == 0 && pread(fd, file, sizeof file, 0) == sizeof file;
	*epoch = 0;
	for (int i = 0; ok && i < 2; i++) { /* the newer of two whole slots; little-endian but for the epoch */
		s = file + i * SLOT;
		memcpy(&crc, s + 16, 4), memcpy(&n, s + 8, 8);
		if (memcmp(s, "AIMS\10\0\0\0", 8) == 0 && n % 2 == (unsigned)i && n > seq && crc == aim_crc(aim_crc(0, s, 16), s + HEAD, EPOCH))
			for (seq = n, *epoch = 0, n = 0; n < EPOCH; n++)
				*epoch = *epoch << 8 | s[HEAD + n];
	}
	if (ok && ((seq == 0 && memcmp(file, (uint8_t[HEAD]){0}, HEAD) != 0) || (raise && aim_recorded(l) > *epoch)))
		ok = 0, errno = EILSEQ;
	if (ok && raise) { /* sync what another may not have synced: the other slot is about to go */
		ok = aim_sync_dir(l->state) == 0 && fdatasync(fd) == 0;
		seq++, ++*epoch, s = file + seq % 2 * SLOT;
		memcpy(s, "AIMS", 4), memcpy(s + 4, &size, 4), memcpy(s + 8, &seq, 8);
		for (n = 0; n < EPOCH; n++)
			s[HEAD + n] = *epoch >> (56 - 8 * n);
		crc = aim_crc(aim_crc(0, s, 16), s + HEAD, EPOCH), memcpy(s + 16, &crc, 4);
		ok = ok && pwrite(fd, s, HEAD + EPOCH, seq % 2 * SLOT) == HEAD + EPOCH && fdatasync(fd) == 0;
		if (!ok && fd >= 0 && pwrite(fd, (uint8_t[HEAD]){0}, HEAD, seq % 2 * SLOT) != HEAD)
			errno = EIO; /* not durable: nobody may take it for that */
	}
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

/* aim_record says whose the lock is. The caller has the commit lock. */
static int aim_record(const struct lease *l, const char *state) {
	char boot[64] = "", stat[1024] = "", rec[2048], path[4096], tmp[4096];
	unsigned long long start = 0;
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (f == NULL || fscanf(f, "%63s", boot) != 1 || fclose(f))
		return -1;
	f = fopen("/proc/self/stat", "re");
	if (f == NULL || fread(stat, 1, sizeof stat - 1, f) == 0 || fclose(f))
		return -1;
	char *p = strrchr(stat, ')');
	for (int field = 3; p && field <= 22; field++)
		p = strchr(p + 1, ' ');
	if (p == NULL || sscanf(p, "%llu", &start) != 1)
		return errno = EPROTO, -1;
	int n = snprintf(rec, sizeof rec,
		"aimlock-record 1\nname \"%s\"\nstate \"%s\"\nepoch %" PRIu64 "\nrole \"orchestrator\"\nholder \"%s\"\nreason \"%s\"\npid %d\n"
		"start %llu\nboot \"%s\"\nacquired %" PRId64 "\nrenewed %" PRId64 "\ndeadline %" PRId64 "\nwall %" PRId64 "\n",
		l->name, state, l->epoch, l->holder, l->reason, getpid(), start, boot, l->acquired, l->acquired, l->deadline,
		aim_now(CLOCK_REALTIME) / 1000000);
	n += snprintf(rec + n, sizeof rec - n, "crc %08" PRIx32 "\n", aim_crc(0, rec, n));
	snprintf(path, sizeof path, "%s/%s.rec", l->state, l->name);
	snprintf(tmp, sizeof tmp, "%s/.%s.rec.%016llx.tmp", l->state, l->name, (unsigned long long)l->epoch << 22 | getpid());
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || write(fd, rec, n) != n || close(fd))
		return -1;
	return rename(tmp, path);
}

/* aim_acquire takes the lease, or waits for it so many ms. */
static int aim_acquire(struct lease *l, int ms) {
	int commit, bad;
	if ((l->fd = aim_lock(l, "lock", ms)) < 0)
		return -1;
	if ((bad = (commit = aim_lock(l, "commit", 2000)) < 0) == 0) {
		bad = aim_epoch(l, 1, &l->epoch);
		l->acquired = aim_now(CLOCK_BOOTTIME), l->deadline = l->acquired + l->seconds * INT64_C(1000000000);
		bad = bad || aim_record(l, "held");
		aim_unlock(commit);
	}
	if (bad)
		aim_unlock(l->fd);
	return bad ? -1 : 0;
}

/* aim_commit puts the staged, synced file in the place of live, in the same
 * folder dir, if the lease still holds. */
static int aim_commit(const struct lease *l, const char *staged, const char *live, const char *dir) {
	uint64_t now;
	int commit = aim_lock(l, "commit", 2000), bad = commit < 0;
	if (bad)
		return -1;
	if ((bad = aim_epoch(l, 0, &now)) == 0 && (now != l->epoch || aim_now(CLOCK_BOOTTIME) >= l->deadline))
		bad = 1, errno = ESTALE;
	bad = bad || rename(staged, live) || aim_sync_dir(dir);
	aim_unlock(commit);
	return bad ? -1 : 0;
}

/* aim_release gives the lease back; a record that is another's stays. */
static void aim_release(struct lease *l) {
	uint64_t now;
	int commit = aim_lock(l, "commit", 2000);
	if (commit >= 0 && aim_epoch(l, 0, &now) == 0 && now == l->epoch)
		aim_record(l, "released");
	aim_unlock(l->fd);
	if (commit >= 0)
		aim_unlock(commit);
}
