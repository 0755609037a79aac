/*
 * spawn_timer: start-to-exit time of commands, in rotated order.
 *
 *   spawn_timer LIST SAMPLES WARMUP IDLE_MS STDERR_FILE
 *
 * It exists so that the spawn cost of a JavaScript engine is not in the figures: one small process that
 * sleeps, takes CLOCK_MONOTONIC, calls posix_spawn, calls wait4, takes the clock again.
 *
 * LIST is a text file, a key and the rest of the line per line:
 *
 *   command NAME       begins a command
 *   arg     TEXT       appends to its argv; the first is the absolute path that is executed
 *   env     NAME=VALUE appends to its environment (which is otherwise PATH only)
 *   empty   DIRECTORY  what is inside is removed before each sample, outside the measured time
 *
 * Order: a Williams design. Row r is the zigzag 0, 1, k-1, 2, k-2, ... shifted by r, and every second round of k rows is
 * reversed, so each command follows each other command equally often and what one leaves behind (warm
 * caches, a pending RCU grace period) is not always the same neighbour's burden.
 *
 * Output, a line per sample, tab-separated:
 *   sample ROUND POSITION NAME NANOSECONDS MAXRSS_KIB USER_US SYSTEM_US STATUS
 * ROUND is negative for the warm-up. STATUS is the exit code, or 128 + the signal. MAXRSS_KIB is the largest of the command
 * and the children that it waited for (getrusage(2)). Linux carries the resident size of the process
 * that called exec into it, so a line "floor MAXRSS_KIB" says the size below which it cannot be.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS_MAX = 16, WORDS_MAX = 256 };

struct command {
  char *name;
  char *empty;
  char *argv[WORDS_MAX + 1];
  char *envp[WORDS_MAX + 1];
  int argc, envc;
};

static struct command commands[COMMANDS_MAX];
static int command_count;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
  va_list list;
  va_start(list, format);
  fputs("spawn_timer: ", stderr);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  va_end(list);
  exit(2);
}

static void append(char **words, int *count, const char *text) {
  if (*count == WORDS_MAX) die("more than %d words", WORDS_MAX);
  words[*count] = strdup(text);
  if (!words[*count]) die("out of memory");
  words[++*count] = NULL;
}

static void read_line(const char *path, int number, char *line) {
  char *value = strchr(line, ' ');
  if (!value) die("%s:%d: a key, a space, a value", path, number);
  *value++ = 0;
  if (!strcmp(line, "command")) {
    if (command_count == COMMANDS_MAX) die("more than %d commands", COMMANDS_MAX);
    struct command *made = &commands[command_count++];
    made->name = strdup(value);
    append(made->envp, &made->envc, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    return;
  }
  if (command_count == 0) die("%s:%d: `%s` before any command", path, number, line);
  struct command *last = &commands[command_count - 1];
  if (!strcmp(line, "arg")) append(last->argv, &last->argc, value);
  else if (!strcmp(line, "env")) append(last->envp, &last->envc, value);
  else if (!strcmp(line, "empty")) last->empty = strdup(value);
  else die("%s:%d: unknown key `%s`", path, number, line);
}

static void read_list(const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) die("%s: %s", path, strerror(errno));
  char *line = NULL;
  size_t size = 0;
  ssize_t length;
  for (int number = 1; (length = getline(&line, &size, file)) >= 0; number++) {
    if (length > 0 && line[length - 1] == '\n') line[--length] = 0;
    if (length > 0) read_line(path, number, line);
  }
  free(line);
  fclose(file);
  if (command_count == 0) die("%s: no command", path);
  for (int i = 0; i < command_count; i++)
    if (commands[i].argc == 0) die("%s: command %s has no arg", path, commands[i].name);
}

static const char *emptied;

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where) {
  (void)status, (void)kind, (void)where;
  if (!strcmp(path, emptied)) return 0;
  return remove(path);
}

static void empty_directory(const char *path) {
  emptied = path;
  if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 && errno != ENOENT)
    die("emptying %s: %s", path, strerror(errno));
}

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t microseconds(struct timeval time) {
  return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void idle(long milliseconds) {
  struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (milliseconds > 0 && nanosleep(&left, &left) != 0)
    if (errno != EINTR) die("nanosleep: %s", strerror(errno));
}

static void sample(struct command *command, int round, int position, const char *stderr_path) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, stderr_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  pid_t pid;
  int status;
  struct rusage usage;
  int64_t start = now_ns();
  int error = posix_spawn(&pid, command->argv[0], &actions, NULL, command->argv, command->envp);
  if (error) die("%s: %s", command->argv[0], strerror(error));
  while (wait4(pid, &status, 0, &usage) < 0)
    if (errno != EINTR) die("wait4: %s", strerror(errno));
  int64_t took = now_ns() - start;
  posix_spawn_file_actions_destroy(&actions);
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  printf("sample\t%d\t%d\t%s\t%lld\t%ld\t%lld\t%lld\t%d\n", round, position, command->name,
         (long long)took, usage.ru_maxrss, (long long)microseconds(usage.ru_utime),
         (long long)microseconds(usage.ru_stime), code);
}

/* The command at `position` of row `row`: see the head of this file. */
static int pick(int row, int position) {
  int k = command_count;
  if (row / k % 2 == 1) position = k - 1 - position;
  int zigzag = position % 2 == 1 ? (position + 1) / 2 : (k - position / 2) % k;
  return (zigzag + row) % k;
}

static long number(const char *text, const char *what) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno || *end || end == text || value < 0) die("%s: `%s` is not a count", what, text);
  return value;
}

int main(int argc, char **argv) {
  if (argc != 6) die("usage: spawn_timer LIST SAMPLES WARMUP IDLE_MS STDERR_FILE");
  read_list(argv[1]);
  long samples = number(argv[2], "SAMPLES"), warmup = number(argv[3], "WARMUP");
  long idle_ms = number(argv[4], "IDLE_MS");
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  printf("floor\t%ld\n", own.ru_maxrss);
  for (long round = -warmup; round < samples; round++) {
    for (int position = 0; position < command_count; position++) {
      struct command *command = &commands[pick(round < 0 ? round + warmup : round, position)];
      if (command->empty) empty_directory(command->empty);
      idle(idle_ms);
      sample(command, round, position, argv[5]);
    }
    fflush(stdout);
  }
  return 0;
}
