// Threads as musl makes them: joined, detached, many; their own variables; locks, conditions and
// semaphores; a first thread that leaves; ends and new programs from any of them.
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "case.h"

enum { crowd = 32, rounds = 500 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static long counter;
static _Thread_local long mine = 11;

static void* count(void* by) {
  for (int i = 0; i < rounds; ++i) {
    pthread_mutex_lock(&lock);
    const long before = counter;
    if (i % 50 == 0) sched_yield();
    counter = before + (long)by;
    pthread_mutex_unlock(&lock);
    mine += (long)by;
  }
  return (void*)mine;
}

static void many(void) {
  test_case("many threads and a lock");
  pthread_t threads[crowd];
  for (long i = 0; i < crowd; ++i) {
    require(pthread_create(&threads[i], NULL, count, (void*)i) == 0);
  }
  long sum = 0;
  for (int i = 0; i < crowd; ++i) {
    void* result;
    require(pthread_join(threads[i], &result) == 0);
    sum += (long)result;
  }
  say("counted %ld, each by itself %ld, main's own %ld\n", counter, sum, mine);
}

static int whose;

static void* take_turns(void* number) {
  const int me = (int)(long)number;
  for (int i = 0; i < rounds; ++i) {
    pthread_mutex_lock(&lock);
    while (whose != me) pthread_cond_wait(&turn, &lock);
    whose = (me + 1) % 4;
    pthread_cond_broadcast(&turn);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void turns(void) {
  test_case("four threads in turn");
  pthread_t threads[4];
  for (long i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, take_turns, (void*)i);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  say("at the end it is the turn of %d\n", whose);
}

static sem_t full, empty;
static int slots[8];

static void* produce(void* unused) {
  (void)unused;
  for (int i = 0; i < 4 * rounds; ++i) {
    sem_wait(&empty);
    slots[i % 8] = i;
    sem_post(&full);
  }
  return NULL;
}

static void semaphores(void) {
  test_case("semaphores");
  sem_init(&full, 0, 0);
  sem_init(&empty, 0, 8);
  pthread_t producer;
  pthread_create(&producer, NULL, produce, NULL);
  long sum = 0;
  for (int i = 0; i < 4 * rounds; ++i) {
    sem_wait(&full);
    sum += slots[i % 8];
    sem_post(&empty);
  }
  pthread_join(producer, NULL);
  say("sum %ld\n", sum);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_nsec += 20000000;
  if (soon.tv_nsec >= 1000000000) soon.tv_nsec -= 1000000000, ++soon.tv_sec;
  say("in vain: %d ", sem_timedwait(&full, &soon));
  say("%s\n", error_name(errno));
}

static void* nothing(void* argument) {
  return argument;
}

static void one_after_another(void) {
  test_case("one after another");
  long sum = 0;
  for (long i = 0; i < 300; ++i) {
    pthread_t thread;
    void* result;
    require(pthread_create(&thread, NULL, nothing, (void*)i) == 0);
    pthread_join(thread, &result);
    sum += (long)result;
  }
  say("sum %ld\n", sum);
}

static sem_t gone;

static void* say_gone(void* unused) {
  sem_post(&gone);
  return unused;
}

static void detached(void) {
  test_case("detached threads");
  sem_init(&gone, 0, 0);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (int i = 0; i < 100; ++i) {
    pthread_t thread;
    require(pthread_create(&thread, &attributes, say_gone, NULL) == 0);
    sem_wait(&gone);
  }
  say("100 came and went\n");
}

static pthread_key_t key;
static int destroyed;

static void destroy(void* value) {
  destroyed += *(int*)value;
  free(value);
}

static void* set_key(void* number) {
  int* const value = malloc(sizeof *value);
  *value = (int)(long)number;
  pthread_setspecific(key, value);
  pthread_exit(NULL);
}

static void keys(void) {
  test_case("keys");
  pthread_key_create(&key, destroy);
  for (long i = 1; i <= 10; ++i) {
    pthread_t thread;
    pthread_create(&thread, NULL, set_key, (void*)i);
    pthread_join(thread, NULL);
  }
  say("destroyed %d\n", destroyed);
}

static pthread_t first;

static void* outlive(void* status) {
  pthread_join(first, NULL);
  exit((int)(long)status);
}

static int leader_leaves(void* unused) {
  pthread_t thread;
  first = pthread_self();
  (void)unused;
  pthread_create(&thread, NULL, outlive, (void*)7);
  pthread_exit(NULL);
}

static int everybody_leaves(void* unused) {
  pthread_t thread;
  pthread_create(&thread, NULL, nothing, unused);
  pthread_detach(thread);
  pthread_exit(NULL);
}

static void* exit_group_from_here(void* status) {
  call(exit_group, (int)(long)status);
  return NULL;
}

static void* sleep_for_ever(void* word) {
  for (;;) call(futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static uint32_t never;

static int others_sleep(void* unused) {
  pthread_t thread;
  for (int i = 0; i < 5; ++i) pthread_create(&thread, NULL, sleep_for_ever, &never);
  pthread_create(&thread, NULL, exit_group_from_here, (void*)21);
  (void)unused;
  for (;;) pause();
}

static void* crash(void* unused) {
  *(volatile int*)16 = 0;
  return unused;
}

static int others_crash(void* unused) {
  pthread_t thread;
  pthread_create(&thread, NULL, sleep_for_ever, &never);
  pthread_create(&thread, NULL, crash, NULL);
  sleep_for_ever(&never);
  (void)unused;
  return 0;
}

static char* own_path;

static void* become_another_program(void* path) {
  char self[12];
  sprintf(self, "%d", getpid());
  char* const arguments[] = {path, "again", self, NULL};
  execv(path, arguments);
  _exit(9);
}

static int replace(void* unused) {
  pthread_t thread;
  for (int i = 0; i < 3; ++i) pthread_create(&thread, NULL, sleep_for_ever, &never);
  pthread_create(&thread, NULL, become_another_program, own_path);
  (void)unused;
  sleep_for_ever(&never);
  return 0;
}

static int spin_and_end(void* unused) {
  pthread_t thread;
  for (int i = 0; i < 3; ++i) pthread_create(&thread, NULL, sleep_for_ever, &never);
  (void)unused;
  return 33;
}

// Each in a program of its own: the first thread of a child of fork cannot leave others behind with
// musl.
static const struct {
  const char* what;
  int (*body)(void*);
} endings[] = {
    {"the first leaves, another exits", leader_leaves},
    {"all leave", everybody_leaves},
    {"another ends all", others_sleep},
    {"another crashes", others_crash},
    {"the first returns", spin_and_end},
    {"another runs a program", replace},
};
enum { ending_count = sizeof endings / sizeof endings[0] };

static int run_ending(void* number) {
  char text[12];
  sprintf(text, "%d", (int)(long)number);
  char* const arguments[] = {own_path, "ending", text, NULL};
  execv(own_path, arguments);
  return 9;
}

static void ends(void) {
  test_case("ends");
  for (long i = 0; i < ending_count; ++i) {
    say("%s: %s\n", endings[i].what, status_text(in_child(run_ending, (void*)i)));
  }
}

// ---- Words in memory that two processes share

struct Shared {
  uint32_t word;
  uint32_t reply;
  pthread_mutex_t robust;
};

static int answer(void* memory) {
  struct Shared* const shared = memory;
  while (__atomic_load_n(&shared->word, __ATOMIC_SEQ_CST) == 0) {
    call(futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0);
  }
  __atomic_store_n(&shared->reply, 2, __ATOMIC_SEQ_CST);
  call(futex, &shared->reply, FUTEX_WAKE, 1, NULL, NULL, 0);
  return 4;
}

static int die_holding(void* memory) {
  struct Shared* const shared = memory;
  pthread_mutex_lock(&shared->robust);
  _exit(6);
}

static void shared_words(void) {
  test_case("shared words");
  struct Shared* const shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    say("%s\n", error_name(errno));
    return;
  }
  const pid_t child = fork();
  if (child == 0) _exit(answer(shared));
  __atomic_store_n(&shared->word, 1, __ATOMIC_SEQ_CST);
  call(futex, &shared->word, FUTEX_WAKE, 1, NULL, NULL, 0);
  while (__atomic_load_n(&shared->reply, __ATOMIC_SEQ_CST) == 0) {
    call(futex, &shared->reply, FUTEX_WAIT, 0, NULL, NULL, 0);
  }
  int status;
  waitpid(child, &status, 0);
  say("reply %u, %s\n", shared->reply, status_text(status));

  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&shared->robust, &kind);
  say("died with a lock: %s\n", status_text(in_child(die_holding, shared)));
  say("taking it: %s\n", error_name(pthread_mutex_lock(&shared->robust)));
  say("mending it: %s\n", error_name(pthread_mutex_consistent(&shared->robust)));
  say("giving it back: %s\n", error_name(pthread_mutex_unlock(&shared->robust)));
  munmap(shared, sizeof *shared);
}

static pthread_mutex_t robust;

static void* leave_with_lock(void* unused) {
  pthread_mutex_lock(&robust);
  return unused;
}

static void robust_locks(void) {
  test_case("robust locks of one process");
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &kind);
  pthread_t thread;
  pthread_create(&thread, NULL, leave_with_lock, NULL);
  pthread_join(thread, NULL);
  say("%d\n", pthread_mutex_lock(&robust) == EOWNERDEAD);
}

int main(int count_of, char** words) {
  if (count_of == 3 && strcmp(words[1], "again") == 0) {
    say("the same process: %d, its first thread: %d\n", getpid() == atoi(words[2]),
        getpid() == (int)syscall(SYS_gettid));
    return 12;
  }
  own_path = words[0];
  if (count_of == 3 && strcmp(words[1], "ending") == 0) {
    return endings[atoi(words[2])].body(NULL);
  }
  many();
  turns();
  semaphores();
  one_after_another();
  detached();
  keys();
  ends();
  shared_words();
  robust_locks();
}
