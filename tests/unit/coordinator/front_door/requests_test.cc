// Requests that say something else than they seem to.
#include "coordinator/front_door/requests.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace extfarm::front_door {
namespace {

using nlohmann::json;

json submission() {
  return {{"op", "submit"}, {"id", "1"},          {"kind", "compile"},      {"argv", {"gcc", "-c"}},
          {"cwd", "/w"},    {"inputs", {"a.c"}},  {"outputs", {"a.o"}},     {"environment", {{"A", "b=c"}}},
          {"toolchain", {{"driver", "gcc"}}}};
}

void expect_refused(const json& request, const std::string& word) {
  const auto read = parse_request(request.dump());
  ASSERT_FALSE(read) << request;
  EXPECT_EQ(read.error().code, ErrorCode::kMalformed);
  EXPECT_NE(read.error().message.find(word), std::string::npos) << read.error().message;
}

TEST(Requests, AWholeSubmissionIsRead) { EXPECT_TRUE(parse_request(submission().dump())); }

TEST(Requests, AListIsAListAndAnObjectAnObject) {
  for (const char* field : {"argv", "inputs", "outputs"}) {
    auto request = submission();
    request[field] = "gcc";
    expect_refused(request, field);
    request[field] = {{"0", "gcc"}};
    expect_refused(request, field);
  }
  auto request = submission();
  request["environment"] = {"a"};
  expect_refused(request, "environment");
  request = submission();
  request["toolchain"] = "gcc";
  expect_refused(request, "toolchain");
}

TEST(Requests, ANulByteWouldCutAWordShort) {
  const std::string cut("/w\0x", 4);
  auto request = submission();
  request["cwd"] = cut;
  expect_refused(request, "cwd");
  for (const char* field : {"argv", "inputs", "outputs"}) {
    request = submission();
    request[field] = {"gcc", cut};
    expect_refused(request, field);
  }
  request = submission();
  request["environment"]["A"] = cut;
  expect_refused(request, "environment");
  request = submission();
  request["toolchain"]["driver"] = cut;
  expect_refused(request, "driver");
}

TEST(Requests, AVariablesNameHasNoEqualsSignButMayBeEmpty) {
  auto request = submission();
  request["environment"] = {{"A=b", "c"}};
  expect_refused(request, "environment");
  request["environment"] = json::parse(R"({"": "c"})");  // as a shell may hand it on
  const auto read = parse_request(request.dump());
  EXPECT_TRUE(read) << read.error().message;
}

TEST(Requests, AVersionIsAWholeNumber) {
  json hello{{"op", "hello"}, {"version", 1}, {"environment", json::object()}};
  EXPECT_TRUE(parse_request(hello.dump()));
  for (const json& version : {json(4294967297), json(1.5), json(true), json(-1)}) {
    hello["version"] = version;
    expect_refused(hello, "number");
  }
}

}  // namespace
}  // namespace extfarm::front_door
