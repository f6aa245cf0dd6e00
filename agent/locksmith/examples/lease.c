/* lease RUN STATE LIVE NEW COMMAND: under the lease has COMMAND write NEW, which
 * lies beside LIVE, and puts it in LIVE's place. Exit code 75: the lease was
 * refused or is over, LIVE is untouched. Build it with: cc -o lease lease.c */
#include "aimlock.h"
#include <libgen.h>

static int fail(const char *what) {
	int code = errno == ESTALE || errno == EBUSY ? 75 : 1;
	perror(what);
	return code;
}

int main(int argc, char **argv) {
	if (argc != 6)
		return fprintf(stderr, "usage: lease RUN STATE LIVE NEW COMMAND\n"), 2;
	struct lease l = {.run = argv[1], .state = argv[2], .name = "aim_lock_config", .holder = "example-c", .reason = "the example in C", .seconds = 30};
	if (aim_acquire(&l, 60000))
		return fail("acquire");
	int code = 0, fd = -1;
	if (system(argv[5]) != 0) /* the work: reads LIVE, writes NEW */
		code = 1;
	else if ((fd = open(argv[4], O_RDONLY | O_CLOEXEC)) < 0 || fsync(fd)) /* NEW is on the disk before its name */
		code = fail("stage");
	else if (aim_commit(&l, argv[4], argv[3], dirname(strdup(argv[3]))))
		code = fail("commit");
	aim_release(&l);
	return code;
}
