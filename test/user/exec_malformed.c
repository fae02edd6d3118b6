// Executes every file of the folder `elf`, which test/qemu/user.py fills with damaged programs and
// scripts. Whoever is refused lives on and tells the error. With arguments it prints them.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

static int runs(void* name) {
  char path[300];
  snprintf(path, sizeof path, "elf/%s", (char*)name);
  char* const arguments[] = {path, "one", NULL};
  char* const environment[] = {NULL};
  say("%s\n", outcome(call(execve, path, arguments, environment)));
  return 9;
}

static int compare(const void* left, const void* right) {
  return strcmp(left, right);
}

int main(int argc, char** argv) {
  if (argc > 1) {  // the interpreter of a script
    for (int i = 0; i < argc; ++i) say("'%.100s' ", argv[i]);
    say("\n");
    return 3;
  }
  static char names[100][64];
  size_t count = 0;
  DIR* const folder = opendir("elf");
  if (folder == NULL) return 0;
  const struct dirent* entry;
  while ((entry = readdir(folder)) != NULL && count < 100) {
    if (entry->d_name[0] != '.') snprintf(names[count++], sizeof names[0], "%s", entry->d_name);
  }
  closedir(folder);
  qsort(names, count, sizeof names[0], compare);
  for (size_t i = 0; i < count; ++i) {
    test_case(names[i]);
    say("%s\n", status_text(in_child(runs, names[i]) & ~0x80));
  }
  return 0;
}
