// Where the live page listens, and whom it answers.
#include "coordinator/live_page/address.h"

#include <gtest/gtest.h>

namespace extfarm::live_page {
namespace {

TEST(AddressTest, IsLoopbackUnlessAnotherIsNamed) {
  const auto standard = parse_address("");
  ASSERT_TRUE(standard);
  EXPECT_EQ(standard->host, "127.0.0.1");
  EXPECT_EQ(standard->port, 7180);
  for (const char* text : {"", ":8000", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "::1", "localhost:0", "localhost"}) {
    ASSERT_TRUE(parse_address(text)) << text;
    EXPECT_TRUE(parse_address(text)->is_loopback()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "10.0.0.1", "[::]:1", "[fe80::1]:1"}) {
    ASSERT_TRUE(parse_address(text)) << text;
    EXPECT_FALSE(parse_address(text)->is_loopback()) << text;
  }
  EXPECT_EQ(parse_address("[::1]:99")->host, "::1");
  EXPECT_EQ(parse_address("[::1]:99")->port, 99);
}

TEST(AddressTest, WhatIsNoAddressIsRefused) {
  for (const char* text : {"lab01:80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8o", "127.0.0.1.evil:80", "[::1", "1.2.3:4"})
    EXPECT_FALSE(parse_address(text)) << text;
}

TEST(OwnHostTest, OnLoopbackOnlyNamesThatNobodyElseCanGive) {
  const Address loopback{"127.0.0.1", 7180};
  for (const char* host : {"127.0.0.1:7180", "127.0.0.1", "localhost:7180", "LocalHost", "[::1]:7180", "localhost:1"})
    EXPECT_TRUE(is_own_host(host, loopback, "lab01")) << host;
  for (const char* host : {"", "evil.example:7180", "127.0.0.1.evil.example", "localhost.evil.example", "lab01:7180", "10.0.0.1:7180", "[::1", "evil.example@127.0.0.1"})
    EXPECT_FALSE(is_own_host(host, loopback, "lab01")) << host;
}

TEST(OwnHostTest, OnTheNetworkAlsoLiteralAddressesAndThisHostsName) {
  const Address network{"0.0.0.0", 7180};
  for (const char* host : {"lab01:7180", "LAB01", "10.0.0.1:7180", "[fe80::1]:7180", "localhost"})
    EXPECT_TRUE(is_own_host(host, network, "lab01")) << host;
  for (const char* host : {"", "evil.example", "lab01.evil.example", "10.0.0.1.evil.example"})
    EXPECT_FALSE(is_own_host(host, network, "lab01")) << host;
}

}  // namespace
}  // namespace extfarm::live_page
