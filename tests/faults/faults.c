// Loaded before all other libraries, it makes calls on files of one folder fail, or ends the
// process.
//
// FAULTS_FOLDER  of which files and folders the calls are counted
// FAULTS_AT      which of them is struck, from 1
// FAULTS_KIND    kill, short (a write that writes less), or the number of an error
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int calls;

static int within(const char* path) {
  const char* folder = getenv("FAULTS_FOLDER");
  return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int within_file(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return within(path);
}

// Is it this call's turn? A kill does not come back. 1: it is to fail, errno says how. 2: it writes
// less.
static int struck(int counted) {
  const char *at = getenv("FAULTS_AT"), *kind = getenv("FAULTS_KIND");
  if (!counted || !at || !kind || ++calls != atoi(at)) return 0;
  dprintf(STDERR_FILENO, "a fault struck\n");
  if (strcmp(kind, "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(kind, "short") == 0) return 2;
  errno = atoi(kind);
  return 1;
}

#define REAL(type, name, ...) \
  type (*real)(__VA_ARGS__) = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int file, const void* data, size_t bytes) {
  REAL(ssize_t, "write", int, const void*, size_t);
  const int how = struck(within_file(file));
  if (how == 1) return -1;
  return real(file, data, how == 2 && bytes > 1 ? bytes / 2 : bytes);
}

ssize_t pwrite(int file, const void* data, size_t bytes, off_t offset) {
  REAL(ssize_t, "pwrite", int, const void*, size_t, off_t);
  const int how = struck(within_file(file));
  if (how == 1) return -1;
  return real(file, data, how == 2 && bytes > 1 ? bytes / 2 : bytes, offset);
}
ssize_t pwrite64(int file, const void* data, size_t bytes, off_t offset) {
  return pwrite(file, data, bytes, offset);
}

int fsync(int file) {
  REAL(int, "fsync", int);
  return struck(within_file(file)) == 1 ? -1 : real(file);
}

int rename(const char* from, const char* to) {
  REAL(int, "rename", const char*, const char*);
  return struck(within(to)) == 1 ? -1 : real(from, to);
}

int chmod(const char* path, mode_t mode) {
  REAL(int, "chmod", const char*, mode_t);
  return struck(within(path)) == 1 ? -1 : real(path, mode);
}

int unlink(const char* path) {
  REAL(int, "unlink", const char*);
  return struck(within(path)) == 1 ? -1 : real(path);
}

static int open_by(const char* name, const char* path, int flags, mode_t mode) {
  REAL(int, name, const char*, int, ...);
  return struck(within(path)) == 1 ? -1 : real(path, flags, mode);
}
#define OPEN(name)                             \
  int name(const char* path, int flags, ...) { \
    va_list rest;                              \
    va_start(rest, flags);                     \
    const mode_t mode = va_arg(rest, mode_t);  \
    va_end(rest);                              \
    return open_by(#name, path, flags, mode);  \
  }
OPEN(open)
OPEN(open64)
