// Compiler attributes and the thread-safety annotations of clang, empty elsewhere.
//
// The annotation macros follow clang's "Thread Safety Analysis" manual; `-Wthread-safety` is on,
// and warnings are errors, in every build of this project that uses clang.
#pragma once

#if defined(__clang__)
#define BASE_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define BASE_THREAD_ANNOTATION(x)
#endif

// On a lock type: instances are capabilities. `name` is printed in diagnostics.
#define BASE_CAPABILITY(name) BASE_THREAD_ANNOTATION(capability(name))
// On a guard type whose constructor acquires and whose destructor releases.
#define BASE_SCOPED_CAPABILITY BASE_THREAD_ANNOTATION(scoped_lockable)
// On data: read and written only with the lock held.
#define BASE_GUARDED_BY(lock) BASE_THREAD_ANNOTATION(guarded_by(lock))
#define BASE_PT_GUARDED_BY(lock) BASE_THREAD_ANNOTATION(pt_guarded_by(lock))
// On functions: the caller holds the lock (exclusively, or at least shared), or must not.
#define BASE_REQUIRES(...) BASE_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define BASE_REQUIRES_SHARED(...) BASE_THREAD_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define BASE_EXCLUDES(...) BASE_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
// On functions: the call acquires or releases.
#define BASE_ACQUIRE(...) BASE_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define BASE_ACQUIRE_SHARED(...) BASE_THREAD_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define BASE_TRY_ACQUIRE(...) BASE_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define BASE_RELEASE(...) BASE_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define BASE_RELEASE_SHARED(...) BASE_THREAD_ANNOTATION(release_shared_capability(__VA_ARGS__))
#define BASE_RETURN_CAPABILITY(lock) BASE_THREAD_ANNOTATION(lock_returned(lock))
// On a function whose locking the analysis cannot follow; say why beside each use.
#define BASE_NO_THREAD_SAFETY_ANALYSIS BASE_THREAD_ANNOTATION(no_thread_safety_analysis)

#define BASE_LIKELY(x) __builtin_expect(!!(x), 1)
#define BASE_UNLIKELY(x) __builtin_expect(!!(x), 0)
// A condition that goes either way: better computed than jumped on.
#if defined(__clang__)
#define BASE_UNPREDICTABLE(x) __builtin_unpredictable(!!(x))
#else
#define BASE_UNPREDICTABLE(x) (x)
#endif
// Before a loop of few steps, whose unrolled form would only be longer.
#if defined(__clang__)
#define BASE_NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define BASE_NO_UNROLL _Pragma("GCC unroll 1")
#endif
#define BASE_ALWAYS_INLINE inline __attribute__((always_inline))
#define BASE_NOINLINE __attribute__((noinline))
#define BASE_COLD __attribute__((cold, noinline))
