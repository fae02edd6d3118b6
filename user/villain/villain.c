// villain: a scheme daemon that commits every crime it can against its callers. `villain [CRIME]`:
// each must end well for everybody else, an honest daemon beside it must go on, and afterwards
// the kernel must have as many free pages and heap blocks as before.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/villain/crimes.h"
#include "user/villain/stage.h"

struct Crime {
  const char* name;
  void (*commit)(void);
};

static const struct Crime crimes[] = {
    {"never-replies", never_replies},
    {"replies-twice", replies_twice},
    {"replies-with-foreign-tags", replies_with_foreign_tags},
    {"replies-with-wrong-sizes", replies_with_wrong_sizes},
    {"says-malformed-words", says_malformed_words},
    {"lists-malformed-names", lists_malformed_names},
    {"passes-what-it-has-not", passes_what_it_has_not},
    {"lets-others-answer", lets_others_answer},
    {"replies-late", replies_late},
    {"replies-with-foreign-page", replies_with_foreign_page},
    {"keeps-a-borrowed-page", keeps_a_borrowed_page},
    {"writes-what-it-may-only-read", writes_what_it_may_only_read},
    {"dies-holding-borrows", dies_holding_borrows},
    {"leaves-the-queue-to-a-child", dies_and_leaves_the_queue},
    {"leaves-the-queue-to-its-parent", dies_before_its_parent},
    {"looks-beyond-the-buffer", looks_beyond_the_buffer},
    {"truncates-while-mapped", truncates_while_mapped},
    {"gives-bad-pages", gives_bad_pages},
    {"never-gives-a-page", never_gives_a_page},
    {"dies-with-ten-thousand-faulters", dies_with_ten_thousand_faulters},
    {"forgets-what-is-dirty", forgets_what_is_dirty},
    {"calls-itself", calls_itself},
    {"calls-in-a-circle", calls_in_a_circle},
    {"is-backed-by-itself", is_backed_by_itself},
    {"stand-on-each-other", stand_on_each_other},
    {"loses-who-could-help", loses_who_could_help},
    {"waits-for-its-own-turn", waits_for_its_own_turn},
    {"runs-its-own-programs", runs_its_own_programs},
    {"calls-back-after-answering", calls_back_after_answering},
};

static int honest_works(void) {
  char bytes[300];
  const int file = open("/scheme/honest/file", O_RDWR);
  const int works = file >= 0 && write(file, bytes, sizeof(bytes)) == sizeof(bytes) &&
                    read(file, bytes, sizeof(bytes)) == sizeof(bytes) && bytes[299] == 'r';
  close(file);
  return works;
}

// In a process group of its own, of which nobody is left afterwards.
static int commit(const struct Crime* crime) {
  const pid_t process = fork();
  if (process == 0) {
    setpgid(0, 0);
    crime->commit();
    _exit(0);
  }
  setpgid(process, process);
  int status = 0;
  for (unsigned i = 0; waitpid(process, &status, WNOHANG) != process; ++i) {
    if (i == 6000) {
      printf("it hangs\n");
      kill(-process, SIGKILL);
      waitpid(process, &status, 0);
      return 0;
    }
    usleep(10000);
  }
  kill(-process, SIGKILL);
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
  usleep(20000);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int judge(const struct Crime* crime) {
  // Once to warm up, then it counts.
  if (!commit(crime) || !honest_works()) {
    return 0;
  }
  const struct Held before = held();
  const int good = commit(crime);
  struct Held after = held();
  for (unsigned i = 0; i < 20 && (after.free_frames != before.free_frames ||
                                  after.heap_blocks != before.heap_blocks);
       ++i) {
    usleep(50000);
    after = held();
  }
  if (after.free_frames != before.free_frames || after.heap_blocks != before.heap_blocks) {
    printf("%ld pages and %ld blocks are missing\n", (long)(before.free_frames - after.free_frames),
           (long)(after.heap_blocks - before.heap_blocks));
    return 0;
  }
  return good && honest_works();
}

static int try_out(const struct Crime* crime) {
  const int good = judge(crime);
  printf("%s: %s\n", crime->name, good ? "nobody is harmed" : "HARM");
  return good;
}

int main(int count, char** words) {
  setvbuf(stdout, 0, _IOLBF, 0);
  const pid_t honest = daemon_of("honest", serve);
  int bad = 0;
  (void)held();  // with all the memory that this takes
  for (unsigned i = 0; i < sizeof(crimes) / sizeof(crimes[0]); ++i) {
    bad += (count < 2 || strcmp(words[1], crimes[i].name) == 0) && !try_out(&crimes[i]);
  }
  kill_it(honest);
  return bad != 0;
}
