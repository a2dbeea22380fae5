// What every program built with a sanitizer is told, also where a test or a
// lab host has cleared the environment: reports lie in one folder, for a farm
// goes on without the worker that ended.  ..._OPTIONS in the environment come after.
#define EXTFARM_LOG "log_path=" EXTFARM_REPORTS "/report"

extern "C" {

// It gives nothing back to the system: it would look at the clock while it holds its lock, and libfaketime, asked for the
// first time, allocates; a worker then stood still before its main().
const char* __asan_default_options() {
  return EXTFARM_LOG ":strict_string_checks=1:check_initialization_order=1:handle_abort=1:allocator_release_to_os_interval_ms=-1";
}

const char* __ubsan_default_options() { return EXTFARM_LOG ":print_stacktrace=1"; }

// Attempts and commands are made by fork beside libzmq's threads, and start no thread themselves.
const char* __tsan_default_options() { return EXTFARM_LOG ":die_after_fork=0:second_deadlock_stack=1"; }

// libzmq and the libsodium that it decrypts with are not built with the sanitizer, so their locks and atomics are not seen:
// each message that a thread of theirs hands to one of ours looks like a race, and so does the key that comes with it, and
// the frame that such a thread deletes once it is sent.
const char* __tsan_default_suppressions() {
  return "called_from_lib:libzmq.so.5\ncalled_from_lib:libsodium.so.23\nrace:proved_key\nrace:let_go_of_frame\n";
}
}
