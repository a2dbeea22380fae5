// Messages as msgpack arrays: [tag, field, field, …], fields in the order of
// messages.h.  The only file that sees msgpack; doc/protocol.md is its text.
#include "common/protocol/codec.h"

#include <concepts>
#include <limits>
#define MSGPACK_NO_BOOST
#include <msgpack.hpp>
#include <stdexcept>
#include <type_traits>

namespace extfarm::protocol {
namespace {

// ---- the fields of every type, once, for both directions
template <class V, class Tag>
void fields(V& v, StrongId<Tag>& x) {
  v(x.value);
}
template <class V>
void fields(V& v, ToolchainSpec& x) {
  v(x.driver, x.extra_paths);
}
template <class V>
void fields(V& v, ToolchainComponent& x) {
  v(x.name, x.path, x.digest);
}
template <class V>
void fields(V& v, PinnedInput& x) {
  v(x.path, x.digest);
}
template <class V>
void fields(V& v, std::pair<std::string, std::string>& x) {
  v(x.first, x.second);
}
template <class V>
void fields(V& v, Action& x) {
  v(x.id, x.kind, x.group, x.argv, x.program, x.environment, x.cwd, x.stdin_bytes, x.inputs, x.outputs,
    x.view_roots, x.pinned, x.changed, x.toolchain, x.toolchain_digest);
}
template <class V>
void fields(V& v, AttestedInput& x) {
  v(x.path, x.digest);
}
template <class V>
void fields(V& v, AttestedOutput& x) {
  v(x.path, x.kind, x.mode, x.size_bytes, x.digest, x.link_target);
}
template <class V>
void fields(V& v, Attestation& x) {
  v(x.inputs, x.outputs);
}
template <class V>
void fields(V& v, Outcome& x) {
  v(x.outcome_class, x.exit_code, x.reason, x.stdout_bytes, x.stderr_bytes, x.run_time, x.cpu_time,
    x.peak_memory_bytes, x.attestation);
}
template <class V>
void fields(V& v, Hello& x) {
  v(x.version, x.coordinator_epoch, x.host, x.user, x.has_heard, x.leases_known);
}
template <class V>
void fields(V& v, ProbeToolchain& x) {
  v(x.spec);
}
template <class V>
void fields(V& v, StartAction& x) {
  v(x.lease, x.action);
}
template <class V>
void fields(V& v, RevokeLease& x) {
  v(x.lease);
}
template <class V>
void fields(V& v, FetchOutput& x) {
  v(x.lease, x.output_index, x.offset_bytes, x.length_bytes);
}
template <class V>
void fields(V& v, InputBytes& x) {
  v(x.lease, x.path, x.offset_bytes, x.size_bytes, x.found, x.bytes);
}
template <class V>
void fields(V& v, Goodbye&) {
  v();
}
template <class V>
void fields(V& v, HeldLease& x) {
  v(x.lease, x.phase);
}
template <class V>
void fields(V& v, Heartbeat& x) {
  v(x.version, x.worker_epoch, x.sequence, x.worker_name, x.host, x.slots, x.memory_bytes, x.draining,
    x.knows_coordinator, x.total_slots, x.offered_slots, x.offer_reason, x.has_private_views, x.view_reason, x.missing_confinement,
    x.scratch_folder, x.free_scratch_bytes, x.realtime_ns, x.measured_speed, x.leases);
}
template <class V>
void fields(V& v, ToolchainProbed& x) {
  v(x.spec, x.found, x.digest, x.components, x.reason);
}
template <class V>
void fields(V& v, Report& x) {
  v(x.lease, x.outcome, x.inline_outputs);
}
template <class V>
void fields(V& v, OutputChunk& x) {
  v(x.lease, x.output_index, x.offset_bytes, x.found, x.bytes);
}
template <class V>
void fields(V& v, NeedInput& x) {
  v(x.lease, x.path, x.offset_bytes);
}

// The largest value of each enum: anything above is malformed.
constexpr auto last_of(ActionKind) { return ActionKind::kOther; }
constexpr auto last_of(OutputKind) { return OutputKind::kRemoved; }
constexpr auto last_of(LeasePhase) { return LeasePhase::kFinished; }
constexpr auto last_of(OutcomeClass) { return OutcomeClass::kGivenBack; }

struct Bytes {  // what msgpack writes to
  std::string& text;
  void write(const char* bytes, std::size_t size) { text.append(bytes, size); }
};

class Writer {
 public:
  explicit Writer(Bytes& bytes) : packer_(bytes) {}
  template <class... T>
  void operator()(T&... values) {
    packer_.pack_array(sizeof...(values));
    (write(values), ...);
  }
  template <class T>
  void message(std::size_t tag, T& value) {
    packer_.pack_array(2);
    packer_.pack_uint32(static_cast<std::uint32_t>(tag));
    fields(*this, value);
  }

 private:
  void write(bool& value) { value ? packer_.pack_true() : packer_.pack_false(); }
  void write(Duration& value) { packer_.pack_int64(value.count()); }
  void write(Digest& value) { write_bytes(value.bytes.data(), value.bytes.size()); }
  void write(std::string& value) { write_bytes(value.data(), value.size()); }
  void write(std::string_view& value) { write_bytes(value.data(), value.size()); }
  template <class T>
  void write(T& value) {
    if constexpr (std::is_enum_v<T>)
      packer_.pack_uint32(static_cast<std::uint32_t>(value));
    else if constexpr (std::signed_integral<T>)
      packer_.pack_int64(value);
    else if constexpr (std::unsigned_integral<T>)
      packer_.pack_uint64(value);
    else
      fields(*this, value);
  }
  template <class T>
  void write(std::vector<T>& values) {
    packer_.pack_array(static_cast<std::uint32_t>(values.size()));
    for (auto& value : values) write(value);
  }
  void write_bytes(const void* bytes, std::size_t size) {
    packer_.pack_bin(static_cast<std::uint32_t>(size));
    packer_.pack_bin_body(static_cast<const char*>(bytes), static_cast<std::uint32_t>(size));
  }
  msgpack::packer<Bytes> packer_;
};

[[noreturn]] void malformed(const std::string& what) { throw std::invalid_argument(what); }

class Reader {
 public:
  explicit Reader(const msgpack::object& object) : object_(object) {}
  template <class... T>
  void operator()(T&... values) {
    if (object_.type != msgpack::type::ARRAY) malformed("a record is no array");
    if (object_.via.array.size != sizeof...(values)) {
      malformed("a record has " + std::to_string(object_.via.array.size) + " fields, not " +
                std::to_string(sizeof...(values)));
    }
    [[maybe_unused]] std::size_t index = 0;
    (read(object_.via.array.ptr[index++], values), ...);
  }

 private:
  static void read(const msgpack::object& o, bool& value) {
    if (o.type != msgpack::type::BOOLEAN) malformed("a yes or no is none");
    value = o.via.boolean;
  }
  static void read(const msgpack::object& o, Duration& value) {
    std::int64_t count = 0;
    read(o, count);
    value = Duration{count};
  }
  static void read(const msgpack::object& o, Digest& value) {
    if (o.type != msgpack::type::BIN || o.via.bin.size != value.bytes.size())
      malformed("a digest is not 16 bytes");
    std::copy_n(o.via.bin.ptr, value.bytes.size(), reinterpret_cast<char*>(value.bytes.data()));
  }
  static void read(const msgpack::object& o, std::string& value) {
    if (o.type != msgpack::type::BIN) malformed("a byte string is none");
    value.assign(o.via.bin.ptr, o.via.bin.size);
  }
  static void read(const msgpack::object& o, std::string_view& value) {
    if (o.type != msgpack::type::BIN) malformed("a byte string is none");
    value = {o.via.bin.ptr, o.via.bin.size};
  }
  template <class T>
  static void read(const msgpack::object& o, T& value) {
    if constexpr (std::is_enum_v<T>) {
      std::uint32_t number = 0;
      read(o, number);
      if (number > static_cast<std::uint32_t>(last_of(T{}))) malformed("a kind is unknown");
      value = static_cast<T>(number);
    } else if constexpr (std::integral<T>) {
      if (o.type == msgpack::type::POSITIVE_INTEGER) {
        if (o.via.u64 > static_cast<std::uint64_t>(std::numeric_limits<T>::max()))
          malformed("a number is too large");
        value = static_cast<T>(o.via.u64);
      } else if (o.type == msgpack::type::NEGATIVE_INTEGER && std::signed_integral<T>) {
        if (o.via.i64 < static_cast<std::int64_t>(std::numeric_limits<T>::min()))
          malformed("a number is too small");
        value = static_cast<T>(o.via.i64);
      } else {
        malformed("a number is none");
      }
    } else {
      Reader nested(o);
      fields(nested, value);
    }
  }
  template <class T>
  static void read(const msgpack::object& o, std::vector<T>& values) {
    if (o.type != msgpack::type::ARRAY) malformed("a list is none");
    values.resize(o.via.array.size);
    for (std::size_t i = 0; i < values.size(); ++i) read(o.via.array.ptr[i], values[i]);
  }
  const msgpack::object& object_;
};

template <class Variant>
void append_any(std::string& out, const Variant& message) {
  Bytes bytes{out};
  Writer writer(bytes);
  // Writer only reads; one list of fields serves both directions.
  std::visit([&](auto& value) { writer.message(message.index(), value); }, const_cast<Variant&>(message));
}

template <class Variant>
std::string encode_any(const Variant& message) {
  std::string out;
  append_any(out, message);
  return out;
}

template <class Variant, std::size_t I = 0>
Variant read_alternative(std::size_t tag, const msgpack::object& object) {
  if constexpr (I == std::variant_size_v<Variant>) {
    malformed("message kind " + std::to_string(tag) + " is unknown");
  } else {
    if (tag != I) return read_alternative<Variant, I + 1>(tag, object);
    std::variant_alternative_t<I, Variant> value;
    Reader reader(object);
    fields(reader, value);
    return value;
  }
}

// A message is at most 8 MiB on the wire, so no count in it can exceed that.
msgpack::unpack_limit limits_for(std::size_t size) {
  const std::size_t most = std::min<std::size_t>(size, 8 << 20);
  return {std::min<std::size_t>(most, 1 << 18), 0, 0, most, 0, 16};
}

template <class Variant>
Result<Variant> decode_any(std::string_view bytes) {
  thread_local msgpack::zone zone;  // its first 8 KiB are kept: most messages need no more
  try {
    zone.clear();
    std::size_t offset = 0;
    // Byte strings are read where they lie: `bytes` outlives them.
    const auto refers = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    const msgpack::object object =
        msgpack::unpack(zone, bytes.data(), bytes.size(), offset, refers, nullptr, limits_for(bytes.size()));
    if (offset != bytes.size())
      malformed(std::to_string(bytes.size() - offset) + " bytes follow the message");
    if (object.type != msgpack::type::ARRAY || object.via.array.size != 2 ||
        object.via.array.ptr[0].type != msgpack::type::POSITIVE_INTEGER) {
      malformed("it does not start with its kind");
    }
    return read_alternative<Variant>(object.via.array.ptr[0].via.u64, object.via.array.ptr[1]);
  } catch (const std::exception& e) {  // msgpack's, ours, and bad_alloc
    return failure(ErrorCode::kMalformed, std::string("a message cannot be read: ") + e.what());
  }
}

}  // namespace

void append(std::string& out, const ToWorker& message) { append_any(out, message); }
void append(std::string& out, const ToCoordinator& message) { append_any(out, message); }
std::string encode(const ToWorker& message) { return encode_any(message); }
std::string encode(const ToCoordinator& message) { return encode_any(message); }
Result<ToWorker> decode_to_worker(std::string_view bytes) { return decode_any<ToWorker>(bytes); }
Result<ToCoordinator> decode_to_coordinator(std::string_view bytes) {
  return decode_any<ToCoordinator>(bytes);
}

}  // namespace extfarm::protocol
