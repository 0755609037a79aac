/*
 * floor: the kernel's own price of the container, back to back in one process.
 *
 *   floor LIST COUNT WARMUP
 *
 * It makes, from C, the calls that the library's run of bench/true.yaml makes for each container, and nothing
 * else: what remains between its median and the library's is the cost of the runner.
 *
 * LIST is text, a key and its words per line; run.mjs writes it (floor.mjs), so what is made is data and the order of the
 * steps is the order of the functions called in child():
 *
 *   group DIR            mkdir before, rmdir after (parents first)
 *   limit FILE VALUE     written, then read back, as every limit of containerv is
 *   join DIR             cgroup v1: the child writes 0 to DIR/cgroup.procs before its cgroup namespace is made
 *   into DIR             cgroup v2: CLONE_INTO_CGROUP, at most one
 *   bind PATH            a read-only bind of the host's PATH at PATH (nosuid, nodev)
 *   link PATH TARGET     a symlink of the root
 *   directory PATH       an empty directory of the root and its parents; made before binds and links, whose parents they are
 *   mask PATH            an empty read-only tmpfs over a directory, /dev/null over a file
 *   readonly PATH        a read-only bind of the path on itself
 *   keep NUMBER          a capability that stays (linux/capability.h)
 *   hostname NAME
 *   exec PATH
 *
 * Output: {"median_ns": N, "samples_ns": [...]} on stdout. Any failing call ends the program with its name and errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
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

/* sys/mount.h and linux/mount.h clash in older C libraries; these two are all that is needed of it. */
#define MS_PRIVATE_FLAG (1 << 18)
#define MNT_DETACH_FLAG 2
int umount2(const char *target, int flags);

enum { LINES_MAX = 256 };
struct line { char *key, *first, *second; };
static struct line lines[LINES_MAX];
static int line_count;
static uint64_t kept_capabilities;

static void die(const char *call, const char *about) {
  fprintf(stderr, "floor: %s(%s): %s\n", call, about, strerror(errno));
  exit(2);
}

static long check(long result, const char *call, const char *about) {
  if (result < 0) die(call, about);
  return result;
}

#define EACH(LINE, KEY) \
  for (struct line *LINE = lines; LINE < lines + line_count; LINE++) if (!strcmp(LINE->key, KEY))

static const char *word_of(const char *key) {
  EACH(line, key) return line->first;
  return NULL;
}

/* "/usr/lib" → "usr/lib": below the new root, which is the working directory while it is built. */
static const char *inside(const char *path) { return path[1] ? path + 1 : "."; }

/* ---- groups ---- */

static void write_text(const char *path, const char *text) {
  int fd = check(open(path, O_WRONLY | O_CLOEXEC), "open", path);
  check(write(fd, text, strlen(text)), "write", path);
  close(fd);
}

static void set_limit(const char *path, const char *value) {
  char read_back[64];
  write_text(path, value);
  int fd = check(open(path, O_RDONLY | O_CLOEXEC), "open", path);
  ssize_t length = check(read(fd, read_back, sizeof read_back - 1), "read", path);
  close(fd);
  read_back[length] = 0;
  if (strncmp(read_back, value, strlen(value))) errno = ERANGE, die("read back", path);
}

static void remove_groups(void) {
  for (struct line *line = lines + line_count; line-- > lines;)
    if (!strcmp(line->key, "group"))
      while (rmdir(line->first) < 0)
        if (errno != EBUSY) die("rmdir", line->first);
}

/* ---- mounts: each is made detached and attached by its fd, as containerv does ---- */

static int new_mount(const char *type, const char *const (*options)[2], uint64_t attributes) {
  int context = check(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), "fsopen", type);
  for (; options && (*options)[0]; options++) {
    unsigned command = (*options)[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    check(syscall(SYS_fsconfig, context, command, (*options)[0], (*options)[1], 0), "fsconfig", (*options)[0]);
  }
  check(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig", type);
  int mount = check(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), "fsmount", type);
  close(context);
  return mount;
}

static void attach(int mount, const char *target) {
  check(syscall(SYS_move_mount, mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), "move_mount", target);
  close(mount);
}

static int clone_tree(const char *path, uint64_t attributes) {
  int tree = syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return -1;
  struct mount_attr set = {.attr_set = attributes};
  if (attributes)
    check(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &set, sizeof set), "mount_setattr", path);
  return tree;
}

static void make_parents(const char *path) {
  char copy[256];
  snprintf(copy, sizeof copy, "%s", path);
  for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    if (mkdir(copy, 0755) < 0 && errno != EEXIST) die("mkdir", copy);
    *slash = '/';
  }
}

static void bind_read_only(const char *path) {
  struct stat status;
  int tree = check(clone_tree(path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), "open_tree", path);
  check(fstat(tree, &status), "fstat", path);
  const char *target = inside(path);
  if (S_ISDIR(status.st_mode)) check(mkdir(target, 0755), "mkdir", target);
  else close(check(open(target, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644), "open", target));
  attach(tree, target);
}

static void make_devices(void) {
  static const struct { const char *path; unsigned major, minor; } nodes[] = {
      {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7},
      {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  static const char *const symlinks[][2] = {
      {"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
      {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};
  static const char *const dev[][2] = {{"mode", "0755"}, {"size", "65536k"}, {0}};
  static const char *const pts[][2] = {{"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}, {0}};
  static const char *const shm[][2] = {{"mode", "1777"}, {"size", "65536k"}, {0}};
  const uint64_t locked = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;
  attach(new_mount("tmpfs", dev, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), "dev");
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
    check(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), "mknod", nodes[i].path);
  for (size_t i = 0; i < sizeof symlinks / sizeof *symlinks; i++)
    check(symlink(symlinks[i][0], symlinks[i][1]), "symlink", symlinks[i][1]);
  check(mkdir("dev/pts", 0755), "mkdir", "dev/pts");
  attach(new_mount("devpts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), "dev/pts");
  check(mkdir("dev/shm", 01777), "mkdir", "dev/shm");
  attach(new_mount("tmpfs", shm, locked), "dev/shm");
  check(mkdir("dev/mqueue", 0755), "mkdir", "dev/mqueue");
  attach(new_mount("mqueue", NULL, locked), "dev/mqueue");
}

static void mask(const char *path) {
  struct stat status;
  if (stat(path, &status) < 0) {
    if (errno != ENOENT) die("stat", path);
    return;
  }
  if (S_ISDIR(status.st_mode)) attach(new_mount("tmpfs", NULL, MOUNT_ATTR_RDONLY), path);
  else attach(check(clone_tree("dev/null", 0), "open_tree", "dev/null"), path);
}

static void make_readonly(const char *path) {
  int tree = clone_tree(path, MOUNT_ATTR_RDONLY);
  if (tree < 0 && errno == ENOENT) return;
  attach(check(tree, "open_tree", path), path);
}

static void build_root(void) {
  static const char *const root[][2] = {{"mode", "0755"}, {0}};
  const uint64_t locked = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;
  struct mount_attr private = {.propagation = MS_PRIVATE_FLAG};
  check(syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &private, sizeof private), "mount_setattr", "/");
  int mount = new_mount("tmpfs", root, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  check(fchdir(mount), "fchdir", "new root");
  attach(mount, "/tmp");
  EACH(line, "directory") {
    make_parents(inside(line->first));
    if (mkdir(inside(line->first), 0755) < 0 && errno != EEXIST) die("mkdir", line->first);
  }
  EACH(line, "bind") bind_read_only(line->first);
  EACH(line, "link") check(symlink(line->second, inside(line->first)), "symlink", line->first);
  attach(new_mount("proc", NULL, locked), "proc");
  attach(new_mount("sysfs", NULL, locked | MOUNT_ATTR_RDONLY), "sys");
  make_devices();
  EACH(line, "mask") mask(inside(line->first));
  EACH(line, "readonly") make_readonly(inside(line->first));
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root", ".");
  check(umount2(".", MNT_DETACH_FLAG), "umount2", ".");
  check(chdir("/"), "chdir", "/");
}

/* ---- identity and privileges ---- */

static void raise_loopback(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket", "AF_INET");
  check(ioctl(fd, SIOCSIFFLAGS, &request), "ioctl", "SIOCSIFFLAGS");
  close(fd);
}

static void drop_privileges(void) {
  for (int capability = 0;; capability++) {
    if (kept_capabilities >> capability & 1) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break; /* beyond the last capability of this kernel */
    die("prctl", "PR_CAPBSET_DROP");
  }
  check(syscall(SYS_setgroups, 0, NULL), "setgroups", "");
  check(syscall(SYS_setresgid, 0, 0, 0), "setresgid", "");
  check(syscall(SYS_setresuid, 0, 0, 0), "setresuid", "");
  check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl", "PR_CAP_AMBIENT");
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {
      {(uint32_t)kept_capabilities, (uint32_t)kept_capabilities, 0},
      {(uint32_t)(kept_capabilities >> 32), (uint32_t)(kept_capabilities >> 32), 0}};
  check(syscall(SYS_capset, &header, data), "capset", "");
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl", "PR_SET_NO_NEW_PRIVS");
}

static void child(void) {
  char path[512];
  int joined = 0;
  EACH(line, "join") {
    snprintf(path, sizeof path, "%s/cgroup.procs", line->first);
    write_text(path, "0");
    joined = 1;
  }
  if (joined || !word_of("into")) check(syscall(SYS_unshare, CLONE_NEWCGROUP), "unshare", "CLONE_NEWCGROUP");
  build_root();
  const char *hostname = word_of("hostname"), *program = word_of("exec");
  check(sethostname(hostname, strlen(hostname)), "sethostname", hostname);
  raise_loopback();
  drop_privileges();
  check(syscall(SYS_close_range, 3, ~0U, 0), "close_range", "3");
  char *argv[] = {(char *)program, NULL};
  char *envp[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  execve(program, argv, envp);
  die("execve", program);
}

/* ---- the loop ---- */

static int64_t run_container(void) {
  struct timespec start, end;
  struct clone_args arguments = {
      .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC,
      .exit_signal = SIGCHLD};
  clock_gettime(CLOCK_MONOTONIC, &start);
  EACH(line, "group") check(mkdir(line->first, 0755), "mkdir", line->first);
  EACH(line, "limit") set_limit(line->first, line->second);
  const char *into = word_of("into");
  if (into) {
    arguments.cgroup = check(open(into, O_PATH | O_DIRECTORY | O_CLOEXEC), "open", into);
    arguments.flags |= CLONE_INTO_CGROUP;
    if (!word_of("join")) arguments.flags |= CLONE_NEWCGROUP;
  }
  pid_t pid = check(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3", "");
  if (pid == 0) child();
  if (into) close((int)arguments.cgroup);
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) die("waitpid", "");
  remove_groups();
  clock_gettime(CLOCK_MONOTONIC, &end);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "floor: the container ended with wait status 0x%x\n", status);
    exit(2);
  }
  return (end.tv_sec - start.tv_sec) * (int64_t)1000000000 + (end.tv_nsec - start.tv_nsec);
}

static void read_list(const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) die("fopen", path);
  char *text = NULL;
  size_t size = 0;
  while (getline(&text, &size, file) > 0) {
    if (line_count == LINES_MAX) errno = E2BIG, die("list", path);
    char *copy = strdup(text), *rest;
    struct line *line = &lines[line_count];
    *line = (struct line){strtok_r(copy, " \n", &rest), strtok_r(NULL, " \n", &rest), strtok_r(NULL, " \n", &rest)};
    if (!line->key) continue;
    if (!line->first) errno = EINVAL, die("list", line->key);
    if (!strcmp(line->key, "keep")) kept_capabilities |= UINT64_C(1) << atoi(line->first);
    line_count++;
  }
  fclose(file);
  if (!word_of("exec") || !word_of("hostname")) errno = EINVAL, die("list", "exec and hostname are needed");
}

static int ascending(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

int main(int argc, char **argv) {
  if (argc != 4 || atoi(argv[2]) < 1) return fprintf(stderr, "usage: floor LIST COUNT WARMUP\n"), 2;
  read_list(argv[1]);
  int count = atoi(argv[2]);
  int64_t *samples = calloc(count, sizeof *samples), *sorted = calloc(count, sizeof *sorted);
  for (int i = atoi(argv[3]); i > 0; i--) run_container();
  for (int i = 0; i < count; i++) samples[i] = run_container();
  memcpy(sorted, samples, count * sizeof *samples);
  qsort(sorted, count, sizeof *sorted, ascending);
  int64_t median = count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
  printf("{\"median_ns\": %lld, \"samples_ns\": [", (long long)median);
  for (int i = 0; i < count; i++) printf("%s%lld", i ? ", " : "", (long long)samples[i]);
  printf("]}\n");
  return 0;
}
