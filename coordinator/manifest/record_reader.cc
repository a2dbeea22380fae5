#include "coordinator/manifest/record_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/model/byte_strings.h"
#include "coordinator/manifest/wording.h"

namespace extfarm::manifest {
namespace {

using nlohmann::json;

const char* wanted_by(const Target& target) {
  static constexpr const char* kNames[] = {"a string",      "a list of strings", "an object of strings",
                                           "true or false", "a whole number",    "a list of objects"};
  return kNames[target.index()];
}

// What the parser calls.  false stops it; `error` then says why.
class Events {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  Events(const std::string& path, Shape& shape, ByteSource& source)
      : path_(path), shape_(shape), source_(source) {}

  std::optional<Error> error;
  // The next value is a record.
  void expect_record(std::size_t number) {
    level_ = Level::kRecords;
    number_ = number - 1;
  }
  void fail_too_long() {
    fail("this takes more than " + std::to_string(ByteSource::kLimitBytes >> 20) +
         " MiB; have the command read a file instead");
  }

  bool null() { return scalar("null"); }
  bool boolean(bool value) {
    if (auto** flag = wanted<bool*>()) {
      **flag = value;
      return value_is_read();
    }
    return scalar(value ? "true" : "false");
  }
  bool number_integer(number_integer_t) { return scalar("a number", 1); }
  bool number_unsigned(number_unsigned_t value) {
    if (auto** number = wanted<std::uint64_t*>()) {
      **number = value;
      return value_is_read();
    }
    return scalar("a number", 1);
  }
  bool number_float(number_float_t, const string_t&) { return scalar("a number", 1); }
  bool binary(binary_t&) { return scalar("binary data"); }
  bool string(string_t& text);
  bool key(string_t& name);
  bool start_object(std::size_t);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool parse_error(std::size_t, const std::string&, const json::exception& exception);

 private:
  enum class Level { kOutside, kTop, kRecords, kRecord, kDone };
  enum class Inside { kKeys, kList, kMap, kBase64, kIgnored };

  // The target of the key at hand when its value is due and of type T.
  template <class T>
  T* wanted() {
    return inside_ == Inside::kKeys && field_ ? std::get_if<T>(&field_->target) : nullptr;
  }
  std::vector<Field>& fields() { return level_ == Level::kRecord ? shape_.record : shape_.top; }
  bool value_is_read() {
    field_ = nullptr;
    inside_ = Inside::kKeys;
    return true;
  }
  bool fail(const std::string& what) { return fail_at(source_.place(), what); }
  bool fail_at(Place place, const std::string& what);
  bool check(const Result<void>& result) { return result || fail_at(record_place_, result.error().message); }
  bool scalar(const char* what, std::size_t lookahead = 0);
  bool wrong_shape(const char* found, std::size_t lookahead = 0);
  bool open_base64();
  bool close_base64();
  bool deliver(std::string&& bytes);
  bool unknown_key(const std::string& name);
  bool missing(const std::vector<Field>& fields, Place place, const char* advice);
  bool begin_records();
  bool end_record();

  const std::string& path_;
  Shape& shape_;
  ByteSource& source_;
  Level level_ = Level::kOutside;
  Inside inside_ = Inside::kKeys, base64_within_ = Inside::kKeys;
  Field* field_ = nullptr;  // whose value is due or being read
  std::string map_key_;
  std::optional<std::string> base64_;
  bool base64_key_read_ = false;
  bool records_are_read_ = false;
  std::size_t ignored_depth_ = 0;
  std::size_t number_ = 0;
  Place record_place_;
};

bool Events::fail_at(Place place, const std::string& what) {
  std::string message = path_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) + ": ";
  if (level_ == Level::kRecord)
    message += numbered(shape_.noun, number_, shape_.name ? *shape_.name : std::string()) + ": ";
  error = Error{ErrorCode::kMalformed, message + what};
  return false;
}

bool Events::wrong_shape(const char* found, std::size_t lookahead) {
  const auto place = source_.place(lookahead);
  if (inside_ == Inside::kBase64)
    return fail_at(place,
                   "{\"base64\": …} in " + in_quotes(field_->name) + " must hold one string, not " + found);
  if (inside_ == Inside::kList)
    return fail_at(place, in_quotes(field_->name) + " holds " + found + "; it must be a list of strings");
  if (inside_ == Inside::kMap)
    return fail_at(place, in_quotes(map_key_) + " in " + in_quotes(field_->name) + " is " + found +
                              "; it must be a string");
  if (field_)
    return fail_at(place,
                   in_quotes(field_->name) + " is " + found + "; it must be " + wanted_by(field_->target));
  if (level_ == Level::kRecords)
    return fail_at(place, std::string("found ") + found + " where an object was expected: " + shape_.noun +
                              " " + std::to_string(number_ + 1));
  return fail_at(place, std::string("the file is ") + found + " where " +
                            (shape_.top.empty() ? "a list" : "an object") + " was expected; " +
                            shape_.if_not_json);
}

bool Events::scalar(const char* what, std::size_t lookahead) {
  if (inside_ != Inside::kIgnored) return wrong_shape(what, lookahead);
  if (ignored_depth_ == 0) value_is_read();
  return true;
}

// A whole byte string, wherever one is due.
bool Events::deliver(std::string&& bytes) {
  if (!field_->may_hold_nul && bytes.find('\0') != std::string::npos)
    return fail(in_quotes(field_->name) + " holds a NUL byte, which no command can be given; remove it");
  if (field_->never_empty && bytes.empty())
    return fail(in_quotes(field_->name) + " holds an empty string; fill it in or leave it out");
  if (inside_ == Inside::kList) {
    std::get<std::vector<std::string>*>(field_->target)->push_back(std::move(bytes));
    return true;
  }
  if (inside_ == Inside::kMap) {
    auto& map = *std::get<std::map<std::string, std::string>*>(field_->target);
    if (!map.emplace(map_key_, std::move(bytes)).second)
      return fail("the name " + in_quotes(map_key_) + " appears twice in " + in_quotes(field_->name) +
                  "; remove one");
    return true;
  }
  *std::get<std::string*>(field_->target) = std::move(bytes);
  return value_is_read();
}

bool Events::string(string_t& text) {
  if (inside_ == Inside::kIgnored) return scalar("a string");
  if (inside_ == Inside::kBase64) {
    base64_ = std::move(text);
    return true;
  }
  if (inside_ == Inside::kKeys && !wanted<std::string*>()) return wrong_shape("a string");
  return deliver(std::move(text));
}

bool Events::open_base64() {
  base64_within_ = inside_;
  inside_ = Inside::kBase64;
  base64_.reset();
  base64_key_read_ = false;
  return true;
}

bool Events::close_base64() {
  if (!base64_)
    return fail(in_quotes(field_->name) + " holds {} where a string or {\"base64\": …} was expected");
  std::string bytes;
  try {
    bytes = bytes_from({{"base64", *base64_}});
  } catch (const std::exception&) {
    return fail(in_quotes(field_->name) + " holds " + in_quotes(*base64_) +
                ", which is not base64 (RFC 4648, padded)");
  }
  inside_ = base64_within_;
  return deliver(std::move(bytes));
}

bool Events::unknown_key(const std::string& name) {
  if (shape_.ignores_unknown_keys) {
    inside_ = Inside::kIgnored;
    ignored_depth_ = 0;
    return true;
  }
  std::string known;
  for (const auto& field : fields()) known += (known.empty() ? "" : ", ") + std::string(field.name);
  return fail("unknown key " + in_quotes(name) + "; the keys here are " + known);
}

bool Events::key(string_t& name) {
  if (inside_ == Inside::kIgnored) return true;
  if (inside_ == Inside::kBase64) {
    if (name != "base64" || base64_key_read_)
      return fail(in_quotes(field_->name) + " holds an object with " + in_quotes(name) +
                  " where a string or {\"base64\": …} was expected");
    return base64_key_read_ = true;
  }
  if (inside_ == Inside::kMap) {
    if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos)
      return fail(in_quotes(field_->name) + " holds the name " + in_quotes(name) +
                  "; a name is not empty and has no '=' and no NUL byte");
    map_key_ = std::move(name);
    return true;
  }
  auto& here = fields();
  const auto found =
      std::find_if(here.begin(), here.end(), [&](const Field& field) { return field.name == name; });
  if (found == here.end()) return unknown_key(name);
  if (found->seen) return fail("the key " + in_quotes(name) + " appears twice; remove one");
  if (level_ == Level::kTop && records_are_read_)
    return fail(in_quotes(name) + " comes after the " + shape_.noun +
                "s, which are taken as they are read; move it before them");
  found->seen = true;
  if (found->given) *found->given = true;
  field_ = &*found;
  return true;
}

bool Events::start_object(std::size_t) {
  if (inside_ == Inside::kIgnored) {
    ++ignored_depth_;
    return true;
  }
  if (inside_ == Inside::kList || inside_ == Inside::kMap || wanted<std::string*>()) return open_base64();
  if (wanted<std::map<std::string, std::string>*>()) {
    inside_ = Inside::kMap;
    return true;
  }
  if (inside_ == Inside::kKeys && !field_ && level_ == Level::kRecords) {
    source_.mark();
    record_place_ = source_.place();
    level_ = Level::kRecord;
    shape_.begin_record({++number_, record_place_.line, source_.offset() - 1});
    for (auto& field : shape_.record) field.seen = false;
    return true;
  }
  if (level_ == Level::kOutside && !shape_.top.empty()) {
    level_ = Level::kTop;
    return true;
  }
  return wrong_shape("an object");
}

bool Events::missing(const std::vector<Field>& fields, Place place, const char* advice) {
  for (const auto& field : fields) {
    if (!field.required || field.seen) continue;
    fail_at(place, in_quotes(field.name) + " is missing; " + advice);
    return true;
  }
  return false;
}

bool Events::end_record() {
  if (missing(shape_.record, record_place_, "add it")) return false;
  if (!check(shape_.end_record())) return false;
  if (const auto taken = shape_.take_record(); !taken) {
    error = taken.error();
    return false;
  }
  level_ = Level::kRecords;
  return true;
}

bool Events::end_object() {
  if (inside_ == Inside::kIgnored) return --ignored_depth_ > 0 || value_is_read();
  if (inside_ == Inside::kBase64) return close_base64();
  if (inside_ == Inside::kMap) return value_is_read();
  if (level_ == Level::kRecord) return end_record();
  if (missing(shape_.top, source_.place(), "add it")) return false;
  level_ = Level::kDone;
  return true;
}

bool Events::begin_records() {
  field_ = nullptr;
  record_place_ = source_.place();
  if (missing(shape_.top, record_place_, "it must come before the list, which is taken as it is read"))
    return false;
  level_ = Level::kRecords;
  return check(shape_.top_is_read());
}

bool Events::start_array(std::size_t) {
  if (inside_ == Inside::kIgnored) {
    ++ignored_depth_;
    return true;
  }
  if (wanted<std::vector<std::string>*>()) {
    inside_ = Inside::kList;
    return true;
  }
  if (wanted<Records>() || (level_ == Level::kOutside && shape_.top.empty())) return begin_records();
  return wrong_shape("a list");
}

bool Events::end_array() {
  if (inside_ == Inside::kIgnored) return --ignored_depth_ > 0 || value_is_read();
  if (inside_ == Inside::kList) return value_is_read();
  records_are_read_ = true;
  level_ = shape_.top.empty() ? Level::kDone : Level::kTop;
  source_.mark();
  return true;
}

// The parser's message without its own position and, at most, a few of the
// bytes it read last.
bool Events::parse_error(std::size_t, const std::string&, const json::exception& exception) {
  constexpr std::size_t kLongestEcho = 40;
  std::string what = exception.what();
  for (const char* prefix : {"] ", "parse error", ": "}) {
    if (const auto at = what.find(prefix); at != std::string::npos)
      what.erase(0, at + std::string_view(prefix).size());
  }
  if (const auto echo = what.find("; last read: '"); echo != std::string::npos) {
    const auto begin = echo + std::string_view("; last read: '").size();
    auto bytes = what.substr(begin, what.size() - begin - 1);
    if (bytes.size() > kLongestEcho) bytes.erase(0, bytes.size() - kLongestEcho);
    what = what.substr(0, echo) + ", last read: " + in_quotes(bytes);
  }
  std::string advice = "; " + shape_.if_not_json;
  const auto place = source_.place();  // before the question below reads on
  if (level_ != Level::kDone && source_.exhausted())
    advice = "; the file ends too early: write it again";
  else if (what.find("UTF-8") != std::string::npos)
    advice = "; write bytes that are no UTF-8 as {\"base64\": \"…\"}";
  return fail_at(place, "this is not JSON: " + what + advice);
}

}  // namespace

Result<void> read_records(const std::string& path, Shape shape) {
  ByteSource source(path);
  Events events(path, shape, source);
  const bool whole = !source.error() && json::sax_parse(ByteIterator(source), ByteIterator(), &events);
  if (source.error()) return tl::unexpected(*source.error());
  if (source.limit_exceeded()) events.fail_too_long();
  if (!whole) return tl::unexpected(*events.error);
  return {};
}

Result<void> read_record(ByteSource& source, const RecordPlace& place, Shape shape) {
  source.seek(place.offset, place.line);
  Events events(source.path(), shape, source);
  events.expect_record(place.number);
  constexpr bool kNothingBehind = false;
  const bool whole = !source.error() && json::sax_parse(ByteIterator(source), ByteIterator(), &events,
                                                        json::input_format_t::json, kNothingBehind);
  if (source.error()) return tl::unexpected(*source.error());
  if (source.limit_exceeded()) events.fail_too_long();
  if (!whole) return tl::unexpected(*events.error);
  return {};
}

}  // namespace extfarm::manifest
