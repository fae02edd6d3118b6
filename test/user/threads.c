// Threads: creation, joining, locks, conditions, barriers, storage of their own, robust locks,
// ends.
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "case.h"

enum { threads = 8, rounds = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long counter;
static _Thread_local int own = 5;
static _Thread_local char own_zero[100];

static void* counts(void* argument) {
  const long me = (long)argument;
  for (int i = 0; i < rounds; ++i) {
    pthread_mutex_lock(&lock);
    const long seen = counter;
    if (i % 64 == 0) sched_yield();
    counter = seen + 1;
    pthread_mutex_unlock(&lock);
  }
  return (void*)(me * me);
}

static void run_all(void* (*body)(void*), const char* text) {
  pthread_t all[threads];
  long sum = 0;
  for (long i = 0; i < threads; ++i) require(pthread_create(&all[i], NULL, body, (void*)i) == 0);
  for (int i = 0; i < threads; ++i) {
    void* result;
    require(pthread_join(all[i], &result) == 0);
    sum += (long)result;
  }
  say("%s: sum of the results %ld\n", text, sum);
}

static void* storage(void* argument) {
  const long me = (long)argument;
  int good = own == 5;
  for (size_t i = 0; i < sizeof own_zero; ++i) good &= own_zero[i] == 0;
  own = (int)me;
  memset(own_zero, (int)me, sizeof own_zero);
  for (int i = 0; i < 20; ++i) sched_yield();
  good &= own == (int)me && own_zero[99] == (char)me;
  return (void*)(long)good;
}

static int phases[threads];

static void* in_phases(void* argument) {
  const long me = (long)argument;
  long good = 1;
  for (int phase = 1; phase <= 20; ++phase) {
    phases[me] = phase;
    const int serial = pthread_barrier_wait(&barrier);
    for (int i = 0; i < threads; ++i) good &= phases[i] == phase;
    if (serial == PTHREAD_BARRIER_SERIAL_THREAD) ++counter;
    pthread_barrier_wait(&barrier);
  }
  return (void*)good;
}

static int queue[4];
static int queued;

static void* consumer(void* argument) {
  (void)argument;
  long sum = 0;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (queued == 0) pthread_cond_wait(&condition, &lock);
    const int value = queue[--queued];
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&lock);
    if (value < 0) return (void*)sum;
    sum += value;
  }
}

static void put(int value) {
  pthread_mutex_lock(&lock);
  while (queued == 4) pthread_cond_wait(&condition, &lock);
  queue[queued++] = value;
  pthread_cond_broadcast(&condition);
  pthread_mutex_unlock(&lock);
}

static void locks(void) {
  test_case("a lock among threads");
  counter = 0;
  run_all(counts, "counted");
  say("counter %ld\n", counter);

  test_case("storage of a thread's own");
  own = 77;
  run_all(storage, "good");
  say("mine %d\n", own);

  test_case("barriers");
  counter = 0;
  require(pthread_barrier_init(&barrier, NULL, threads) == 0);
  run_all(in_phases, "good");
  say("phases %ld\n", counter);

  test_case("conditions");
  pthread_t all[threads];
  long sum = 0;
  for (int i = 0; i < threads; ++i) require(pthread_create(&all[i], NULL, consumer, NULL) == 0);
  for (int i = 1; i <= 1000; ++i) put(i);
  pthread_mutex_lock(&lock);
  while (queued != 0) pthread_cond_wait(&condition, &lock);  // the last in is the first out
  pthread_mutex_unlock(&lock);
  for (int i = 0; i < threads; ++i) put(-1);
  for (int i = 0; i < threads; ++i) {
    void* result;
    require(pthread_join(all[i], &result) == 0);
    sum += (long)result;
  }
  say("sum %ld\n", sum);

  test_case("times");
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  pthread_mutex_lock(&lock);
  say("condition: %s\n", error_name(pthread_cond_timedwait(&condition, &lock, &now)));
  pthread_mutex_unlock(&lock);
  sem_t semaphore;
  require(sem_init(&semaphore, 0, 1) == 0 && sem_wait(&semaphore) == 0);
  say("semaphore: %s\n", outcome(error_or(sem_timedwait(&semaphore, &now))));
}

static int started;

static void* forever(void* argument) {
  (void)argument;
  __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
  for (;;) pause();
  return NULL;
}

static void start_threads(int count) {
  pthread_t thread;
  for (int i = 0; i < count; ++i) require(pthread_create(&thread, NULL, forever, NULL) == 0);
  while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) != count) sched_yield();
}

static int group_exit(void* nothing) {
  (void)nothing;
  start_threads(5);
  _exit(9);
}

static void* last_one(void* argument) {
  (void)argument;
  for (int i = 0; i < 50; ++i) sched_yield();
  exit(11);
}

static int first_thread_leaves(void* nothing) {
  (void)nothing;
  pthread_t thread;
  require(pthread_create(&thread, NULL, last_one, NULL) == 0);
  syscall(SYS_exit, 3);
  return 0;
}

static void* faults(void* argument) {
  (void)argument;
  *(volatile int*)8 = 1;
  return NULL;
}

static int one_faults(void* nothing) {
  (void)nothing;
  start_threads(3);
  pthread_t thread;
  require(pthread_create(&thread, NULL, faults, NULL) == 0);
  for (;;) pause();
}

static int killed_together(void* nothing) {
  (void)nothing;
  start_threads(4);
  kill(getpid(), SIGTERM);
  for (;;) pause();
}

static void* forks(void* argument) {
  (void)argument;
  const pid_t child = fork();
  if (child == 0) _exit(getpid() == gettid() ? 21 : 22);
  int status;
  require(waitpid(child, &status, 0) == child);
  return (void*)(long)WEXITSTATUS(status);
}

static void ends(void) {
  test_case("how processes with threads end");
  say("exit_group by one: %s\n", status_text(in_child(group_exit, NULL)));
  say("the first leaves, another exits: %s\n", status_text(in_child(first_thread_leaves, NULL)));
  say("one faults: %s\n", status_text(in_child(one_faults, NULL) & ~0x80));
  say("a signal to the process: %s\n", status_text(in_child(killed_together, NULL)));
  pthread_t thread;
  void* result;
  require(pthread_create(&thread, NULL, forks, NULL) == 0 && pthread_join(thread, &result) == 0);
  say("a child of a thread has one thread: %ld\n", (long)result);
}

static volatile int handled_by;
static void handler(int number) {
  (void)number;
  handled_by = gettid();
}

static volatile int ready;
static void* sleeps_open(void* argument) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &set, NULL);
  *(volatile int*)argument = gettid();
  ready = 1;
  while (handled_by == 0) sched_yield();
  return NULL;
}

static void signals_and_threads(void) {
  test_case("signals and threads");
  signal(SIGUSR1, handler);
  signal(SIGUSR2, handler);
  volatile int tid = 0;
  pthread_t thread;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  require(pthread_create(&thread, NULL, sleeps_open, (void*)&tid) == 0);
  while (!ready) sched_yield();
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  require(kill(getpid(), SIGUSR1) == 0);
  require(pthread_join(thread, NULL) == 0);
  say("taken by the thread that does not block it: %d\n", handled_by == tid);
  handled_by = ready = 0;
  require(pthread_create(&thread, NULL, sleeps_open, (void*)&tid) == 0);
  while (!ready) sched_yield();
  require(pthread_kill(thread, SIGUSR1) == 0);
  require(pthread_join(thread, NULL) == 0);
  say("sent to it: %d\n", handled_by == tid);
  handled_by = 0;
  require(kill(getpid(), SIGUSR2) == 0);
  say("mine at once: %d\n", handled_by == gettid());
  // Its word is cleared, which ends the join, before the thread is gone.
  long gone;
  while ((gone = call(tgkill, (long)getpid(), (long)tid, 0L)) == 0) sched_yield();
  say("to a thread that is gone: %s\n", outcome(gone));
}

static void* dies_holding(void* argument) {
  pthread_mutex_lock(argument);
  return NULL;
}

static int dies_holding_process(void* argument) {
  pthread_mutex_lock(argument);
  raise(SIGKILL);
  return 0;
}

static void robust(void) {
  test_case("robust locks");
  pthread_mutex_t* const robust_lock =
      mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t attributes;
  require(robust_lock != MAP_FAILED && pthread_mutexattr_init(&attributes) == 0);
  require(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  require(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  require(pthread_mutex_init(robust_lock, &attributes) == 0);
  pthread_t thread;
  require(pthread_create(&thread, NULL, dies_holding, robust_lock) == 0);
  require(pthread_join(thread, NULL) == 0);
  say("its thread is gone: %s\n", error_name(pthread_mutex_lock(robust_lock)));
  say("made good: %d, ", pthread_mutex_consistent(robust_lock));
  say("unlocked: %d\n", pthread_mutex_unlock(robust_lock));
  say("its process was killed: %s", status_text(in_child(dies_holding_process, robust_lock)));
  say(", %s\n", error_name(pthread_mutex_lock(robust_lock)));
  say("given up: %d, ", pthread_mutex_unlock(robust_lock));
  say("then: %s\n", error_name(pthread_mutex_lock(robust_lock)));
  void* head = (void*)1;
  size_t length = 0;
  say("list of another: %s, length: %s, to nowhere: %s, own: %s",
      outcome(call(get_robust_list, 12345678L, &head, &length)),
      outcome(call(set_robust_list, &head, 5L)), outcome(call(get_robust_list, 0L, 8L, &length)),
      outcome(call(get_robust_list, 0L, &head, &length)));
  say(" %zu\n", length);
}

static void* short_one(void* argument) {
  return argument;
}

static void many(void) {
  test_case("many threads one after the other");
  long good = 0;
  for (long i = 0; i < 300; ++i) {
    pthread_t thread;
    void* result;
    require(pthread_create(&thread, NULL, short_one, (void*)i) == 0);
    require(pthread_join(thread, &result) == 0);
    good += result == (void*)i;
  }
  say("%ld\n", good);
}

int main(void) {
  locks();
  ends();
  signals_and_threads();
  robust();
  many();
  return 0;
}
