/*
 * floor: the kernel's own price of a container, back to back in one process.
 *
 *   floor STEPS COUNT WARMUP
 *
 * It makes, from C, the calls that the operations of containerv's plan make, in the plan's order, and nothing else: what
 * lies between its median and the library's is the cost of the runner (its stage being made, executed and told
 * what to do, its reports read). STEPS is text, one operation per line, fields separated by tabs; bench/floor.mjs translates
 * `containerv plan --json` into it and refuses an operation that this program does not know. The table `steps` below
 * lists them; each function is the twin of one `lower` in runtime/plan/ops.
 *
 * Output: {"samples_ns": [...], "median_ns": N}. A failing call ends the program with its name, subject and errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> clash in older C libraries; this is all that is needed of the first. */
enum { MS_REC_FLAG = 1 << 14, MS_PRIVATE_FLAG = 1 << 18, MNT_DETACH_FLAG = 2 };
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);

enum { LINES_MAX = 512, FIELDS_MAX = 24, GROUPS_MAX = 8 };
struct line { const struct step *step; char *f[FIELDS_MAX]; };
struct step { const char *name; int fields; enum { STAGE, CONTAINER, UNDO } part; void (*run)(char **f); };
static struct line lines[LINES_MAX];
static int line_count;

/* Left by one operation for a later one. */
static struct { char *path; int fd; } groups[GROUPS_MAX];
static int group_count, root_fd, stage_pidfd, child_pidfd;
static pid_t child;

static long check(long result, const char *call, const char *about) {
  if (result >= 0) return result;
  fprintf(stderr, "floor: %s(%s): %s\n", call, about, strerror(errno));
  _exit(2);
}

static uint64_t number(const char *text) { return strtoull(text, NULL, 0); }

/* ---- paths below the container's root, always relative to its descriptor ---- */

static int open_in_root(const char *path) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return syscall(SYS_openat2, root_fd, path[1] ? path + 1 : ".", &how, sizeof how);
}

static int open_parent(const char *path, const char **name) {
  char directory[512];
  const char *slash = strrchr(path, '/');
  *name = slash + 1;
  if (slash == path) return root_fd;
  snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
  return check(open_in_root(directory), "openat2", directory);
}

static void close_parent(int parent) { if (parent != root_fd) close(parent); }

/* EEXIST is fine, as it is in the plan: a layer may have it already. */
static long unless_there(long result, const char *call, const char *path) {
  return result < 0 && errno == EEXIST ? result : check(result, call, path);
}

static void make_directory(char **f) {
  const char *name;
  int parent = open_parent(f[0], &name);
  unless_there(mkdirat(parent, name, number(f[1])), "mkdirat", f[0]);
  close_parent(parent);
}

static void make_file(char **f) {
  const char *name;
  int parent = open_parent(f[0], &name);
  int fd = unless_there(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, number(f[1])), "openat", f[0]);
  if (fd >= 0) check(write(fd, f[2], strlen(f[2])), "write", f[0]), close(fd);
  close_parent(parent);
}

static void make_symlink(char **f) {
  const char *name;
  int parent = open_parent(f[0], &name);
  unless_there(symlinkat(f[1], parent, name), "symlinkat", f[0]);
  close_parent(parent);
}

static void make_device(char **f) {
  const char *name;
  int parent = open_parent(f[0], &name);
  unless_there(mknodat(parent, name, S_IFCHR | number(f[1]), makedev(number(f[2]), number(f[3]))), "mknodat", f[0]);
  close_parent(parent);
}

/* ---- mounts ---- */

static int new_filesystem(const char *type, uint64_t attributes, char **options) {
  int context = check(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), "fsopen", type);
  check(syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", type, 0), "fsconfig", type);
  for (; *options; options++) {
    char key[64];
    const char *equals = strchr(*options, '=');
    snprintf(key, sizeof key, "%.*s", (int)(equals ? equals - *options : 63), *options);
    unsigned command = equals ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    check(syscall(SYS_fsconfig, context, command, key, equals ? equals + 1 : NULL, 0), "fsconfig", *options);
  }
  check(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig", type);
  int fd = check(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), "fsmount", type);
  close(context);
  return fd;
}

static void attach_to(int fd, int target, const char *path) {
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  check(syscall(SYS_move_mount, fd, "", target, "", flags), "move_mount", path);
  close(target);
  close(fd);
}

static void attach(int fd, const char *path) { attach_to(fd, check(open_in_root(path), "openat2", path), path); }

static void new_mount(char **f) { /* AT TYPE ATTRIBUTES OPTION... */
  int fd = new_filesystem(f[1], number(f[2]), f + 3);
  if (strcmp(f[0], "/")) return attach(fd, f[0]);
  root_fd = fd;
  check(syscall(SYS_move_mount, fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "move_mount", "/");
}

static void set_attributes(int fd, unsigned flags, uint64_t attributes) {
  struct mount_attr set = {.attr_set = attributes};
  check(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | flags, &set, sizeof set), "mount_setattr", "");
}

static int clone_tree(int directory, const char *path, uint64_t attributes) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | (*path ? 0 : AT_EMPTY_PATH);
  int fd = syscall(SYS_open_tree, directory, path, flags);
  if (fd >= 0 && attributes) set_attributes(fd, AT_RECURSIVE, attributes);
  return fd;
}

static void bind_mount(char **f) { /* AT SOURCE TARGET ATTRIBUTES OPTIONAL */
  int fd = clone_tree(AT_FDCWD, f[1], number(f[3]));
  if (fd < 0 && errno == ENOENT && number(f[4])) return;
  check(fd, "open_tree", f[1]);
  if (!strcmp(f[2], "file")) {
    const char *name;
    int parent = open_parent(f[0], &name);
    int made = unless_there(openat(parent, name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644), "openat", f[0]);
    if (made >= 0) close(made);
    close_parent(parent);
  }
  attach(fd, f[0]);
}

static void make_readonly(char **f) {
  int fd = check(open_in_root(f[0]), "openat2", f[0]);
  set_attributes(fd, 0, MOUNT_ATTR_RDONLY);
  close(fd);
}

static void shield(char **f) { /* AT HOW */
  char *options[] = {"size=4096", "nr_inodes=1", "mode=0555", NULL};
  const uint64_t locked = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  int target = open_in_root(f[0]), fd;
  if (target < 0 && errno == ENOENT) return;
  check(target, "openat2", f[0]);
  if (!strcmp(f[1], "hide file")) fd = clone_tree(AT_FDCWD, "/dev/null", locked);
  else if (!strcmp(f[1], "hide directory")) fd = new_filesystem("tmpfs", locked | MOUNT_ATTR_NODEV, options);
  else fd = clone_tree(target, "", MOUNT_ATTR_RDONLY);
  attach_to(check(fd, "open_tree", f[0]), target, f[0]);
}

static void make_private(char **f) { check(mount(NULL, "/", NULL, MS_REC_FLAG | MS_PRIVATE_FLAG, NULL), "mount", "/"); }

static void pivot(char **f) {
  check(fchdir(root_fd), "fchdir", "root");
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root", ".");
  check(umount2(".", MNT_DETACH_FLAG), "umount2", ".");
}

static void write_text(const char *path, const char *text) {
  int fd = check(open(path, O_WRONLY | O_CLOEXEC), "open", path);
  check(write(fd, text, strlen(text)), "write", path);
  close(fd);
}

static void group_parent(char **f) { unless_there(mkdir(f[0], 0755), "mkdir", f[0]); }
static void group_make(char **f) { check(mkdir(f[0], 0755), "mkdir", f[0]); }
static void group_control(char **f) { write_text(f[0], f[1]); }

static void group_write(char **f) { /* FILE VALUE HOLDS */
  char held[64] = "";
  write_text(f[0], f[1]);
  int fd = check(open(f[0], O_RDONLY | O_CLOEXEC), "open", f[0]);
  ssize_t length = check(read(fd, held, sizeof held - 1), "read", f[0]);
  close(fd);
  if (length < 1 || strncmp(held, f[2], length - 1) || f[2][length - 1]) errno = ERANGE, check(-1, "read back", f[0]);
}

static void group_open(char **f) { /* GROUP procs|directory */
  char path[512];
  int directory = !strcmp(f[1], "directory");
  snprintf(path, sizeof path, directory ? "%s" : "%s/tasks", f[0]);
  groups[group_count].path = f[0];
  int flags = directory ? O_RDONLY | O_DIRECTORY | O_CLOEXEC : O_WRONLY | O_CLOEXEC;
  groups[group_count++].fd = check(open(path, flags), "open", path);
}

static int group_fd(const char *path) {
  for (int i = 0; i < group_count; i++) if (!strcmp(groups[i].path, path)) return groups[i].fd;
  errno = ENOENT;
  return check(-1, "group not opened", path);
}

static void group_join(char **f) {
  int fd = group_fd(f[0]);
  check(write(fd, "0", 1), "write", f[0]);
  close(fd);
}

static void group_remove(char **f) { /* GROUP PARENT? : a parent that others use stays */
  for (int tries = 0; rmdir(f[0]) < 0; tries++) {
    if (errno != EBUSY || tries == 2000) check(f[1] ? 0 : -1, "rmdir", f[0]);
    if (f[1]) return;
    poll(NULL, 0, 1);
  }
}

/* ---- the first process and what it becomes ---- */

static void clone_child(char **f) { /* FLAGS INTO? */
  struct clone_args arguments = {.flags = number(f[0]) | CLONE_PIDFD, .exit_signal = SIGCHLD,
                                 .pidfd = (uintptr_t)&child_pidfd};
  if (f[1]) arguments.flags |= CLONE_INTO_CGROUP, arguments.cgroup = group_fd(f[1]);
  stage_pidfd = check(syscall(SYS_pidfd_open, getpid(), 0), "pidfd_open", "self");
  child = check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3", f[0]);
  if (child) close(stage_pidfd);
}

static void tether(char **f) {
  struct pollfd dead = {.fd = stage_pidfd, .events = POLLIN};
  check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl", "PR_SET_PDEATHSIG");
  check(prctl(PR_SET_DUMPABLE, 0), "prctl", "PR_SET_DUMPABLE");
  if (check(poll(&dead, 1, 0), "poll", "stage") > 0) _exit(2);
  close(stage_pidfd);
}

static void no_stdin(char **f) { /* the lowest free descriptor is 0 then */
  close(0);
  check(open("/dev/null", O_RDONLY), "open", "/dev/null");
}

static void keyring(char **f) { check(syscall(SYS_keyctl, 1, NULL), "keyctl", "KEYCTL_JOIN_SESSION_KEYRING"); }

static void group_counter(char **f) { /* FILE */
  char held[272];
  int fd = check(open(f[0], O_RDONLY | O_CLOEXEC), "open", f[0]);
  check(read(fd, held, sizeof held), "read", f[0]);
  close(fd);
}

static void unshare_cgroup(char **f) { check(syscall(SYS_unshare, CLONE_NEWCGROUP), "unshare", "CLONE_NEWCGROUP"); }
static void set_hostname(char **f) { check(sethostname(f[0], strlen(f[0])), "sethostname", f[0]); }

static void raise_loopback(char **f) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket", "AF_INET");
  check(ioctl(fd, SIOCSIFFLAGS, &request), "ioctl", "SIOCSIFFLAGS");
  close(fd);
}

static void new_session(char **f) { check(setsid(), "setsid", ""); }

static void bound(char **f) { /* MASK LAST NO_NEW_PRIVS */
  for (uint64_t bit = 0; bit <= number(f[1]); bit++)
    if (!(number(f[0]) >> bit & 1)) check(prctl(PR_CAPBSET_DROP, bit), "prctl", "PR_CAPBSET_DROP");
  if (number(f[2])) check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl", "PR_SET_NO_NEW_PRIVS");
}

static void work_directory(char **f) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
  check(syscall(SYS_close_range, 3, ~0U, 0), "close_range", "3");
  check(fchdir(check(syscall(SYS_openat2, AT_FDCWD, f[0], &how, sizeof how), "openat2", f[0])), "fchdir", f[0]);
}

static void identity(char **f) { /* UID GID MASK */
  uint64_t set = number(f[2]);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{set, set, 0}, {set >> 32, set >> 32, 0}};
  check(syscall(SYS_setgroups, 0, NULL), "setgroups", "");
  check(syscall(SYS_setresgid, number(f[1]), number(f[1]), number(f[1])), "setresgid", f[1]);
  check(syscall(SYS_setresuid, number(f[0]), number(f[0]), number(f[0])), "setresuid", f[0]);
  check(syscall(SYS_capset, &header, data), "capset", f[2]);
}

static void execute(char **f) { /* PROGRAM NAME=VALUE... */
  char *argv[] = {f[0], NULL};
  sigset_t none;
  sigemptyset(&none);
  umask(022);
  sigprocmask(SIG_SETMASK, &none, NULL);
  check(execve(f[0], argv, f + 1), "execve", f[0]);
}

static const struct step steps[] = {
    {"group.parent", 1, STAGE, group_parent}, {"group.control", 2, STAGE, group_control},
    {"group.make", 1, STAGE, group_make}, {"group.write", 3, STAGE, group_write},
    {"group.open", 2, STAGE, group_open}, {"clone", 1, STAGE, clone_child},
    {"tether", 0, CONTAINER, tether}, {"stdin", 0, STAGE, no_stdin},
    {"keyring", 0, CONTAINER, keyring}, {"group.counter", 1, UNDO, group_counter}, {"group.join", 1, CONTAINER, group_join},
    {"unshare.cgroup", 0, CONTAINER, unshare_cgroup}, {"hostname", 1, CONTAINER, set_hostname},
    {"loopback", 0, CONTAINER, raise_loopback}, {"mount.private", 0, CONTAINER, make_private},
    {"mount.new", 3, CONTAINER, new_mount}, {"mount.bind", 5, CONTAINER, bind_mount},
    {"mount.readonly", 1, CONTAINER, make_readonly}, {"mount.shield", 2, CONTAINER, shield},
    {"directory", 2, CONTAINER, make_directory}, {"file", 3, CONTAINER, make_file},
    {"symlink", 2, CONTAINER, make_symlink}, {"device", 4, CONTAINER, make_device},
    {"pivot", 0, CONTAINER, pivot}, {"session", 0, CONTAINER, new_session},
    {"bound", 3, CONTAINER, bound}, {"workdir", 1, CONTAINER, work_directory},
    {"identity", 3, CONTAINER, identity}, {"execute", 1, CONTAINER, execute},
    {"group.remove", 1, UNDO, group_remove}, {"group.release", 2, UNDO, group_control},
};

/* ---- the loop ---- */

static void run_part(int part) {
  for (int i = 0; i < line_count; i++)
    if (lines[i].step->part == (unsigned)part) lines[i].step->run(lines[i].f);
}

static int64_t run_container(void) {
  struct timespec start, end;
  siginfo_t how = {0};
  clock_gettime(CLOCK_MONOTONIC, &start);
  group_count = 0;
  run_part(STAGE);
  if (child == 0) run_part(CONTAINER), _exit(2);
  for (int i = 0; i < group_count; i++) close(groups[i].fd);
  check(waitid(P_PIDFD, child_pidfd, &how, WEXITED), "waitid", "");
  close(child_pidfd);
  run_part(UNDO);
  clock_gettime(CLOCK_MONOTONIC, &end);
  if (how.si_code != CLD_EXITED || how.si_status) errno = ECHILD, check(-1, "the container failed", "status");
  return (end.tv_sec - start.tv_sec) * (int64_t)1000000000 + (end.tv_nsec - start.tv_nsec);
}

/* `\n`, `\t` and `\\` in a field stand for what they stand for in C. */
static void unescape(char *field) {
  char *to = field;
  for (char *from = field; *from; from++) {
    if (*from == '\\' && from[1]) { from++; *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from; }
    else *to++ = *from;
  }
  *to = 0;
}

static void read_line(char *text) {
  struct line *line = &lines[line_count];
  int count = 0;
  const char *name = strsep(&text, "\t");
  for (char *field; (field = strsep(&text, "\t")); count++) {
    if (count == FIELDS_MAX - 1) errno = E2BIG, check(-1, "too many fields", name);
    unescape(line->f[count] = field);
  }
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) if (!strcmp(steps[i].name, name)) line->step = &steps[i];
  errno = EINVAL;
  if (!line->step || count < line->step->fields) check(-1, "not a step, or too few fields", name);
  line_count++;
}

static int ascending(const void *a, const void *b) {
  return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

int main(int argc, char **argv) {
  if (argc != 4 || atoi(argv[2]) < 1) return fprintf(stderr, "usage: floor STEPS COUNT WARMUP\n"), 2;
  FILE *file = fopen(argv[1], "re");
  check(file ? 0 : -1, "fopen", argv[1]);
  char *text = NULL;
  size_t size = 0;
  for (ssize_t length; (length = getline(&text, &size, file)) > 0;) {
    if (line_count == LINES_MAX) return fprintf(stderr, "floor: more than %d steps\n", LINES_MAX), 2;
    if (text[length - 1] == '\n') text[length - 1] = 0;
    read_line(strdup(text));
  }
  umask(0);
  int count = atoi(argv[2]);
  int64_t *samples = calloc(count, sizeof *samples);
  check(samples ? 0 : -1, "calloc", argv[2]);
  for (int i = atoi(argv[3]); i > 0; i--) run_container();
  printf("{\"samples_ns\": [");
  for (int i = 0; i < count; i++) printf("%s%lld", i ? ", " : "", (long long)(samples[i] = run_container()));
  qsort(samples, count, sizeof *samples, ascending);
  printf("], \"median_ns\": %lld}\n", (long long)(samples[count / 2] + samples[(count - 1) / 2]) / 2);
  return 0;
}
