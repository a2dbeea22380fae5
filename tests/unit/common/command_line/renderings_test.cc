#include "common/command_line/renderings.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <stdexcept>

namespace extfarm {
namespace {

// A program with what is awkward: hidden options, choices, quotes and brackets, leading dots.
class RenderingsTest : public ::testing::Test {
 protected:
  RenderingsTest() {
    auto* run = app_.add_subcommand("run", "Run it; more about that");
    run->add_flag("-q,--quiet", quiet_, "Don't say [much]: nothing");
    run->add_flag("!--no-store", store_, "Keep none");
    run->add_option("--view", text_, "How")->check(CLI::IsMember({"auto", "direct"}))->default_str("auto");
    run->add_option("--root", words_, ".extfarm \\ and below")->type_name("DIR");
    run->add_option("--secret", text_, "Not for everybody")->group("");
    run->add_option("command", words_, "The command")->type_name("COMMAND");
    app_.add_subcommand("hidden", "Not for everybody")->group("");
  }
  DescribedCommand described() const { return description_of(app_); }
  const DescribedOption& option(const DescribedCommand& program, const std::string& name) const {
    for (const auto& found : program.commands.at(0).options) {
      if (found.names.back() == name) return found;
    }
    throw std::out_of_range(name);
  }

  CLI::App app_{"Does it", "prog"};
  std::vector<std::string> words_;
  std::string text_;
  bool quiet_ = false, store_ = true;
};

TEST_F(RenderingsTest, WhatIsHiddenFromHelpIsNotDescribed) {
  const auto program = described();
  ASSERT_EQ(program.commands.size(), 1u);
  EXPECT_THROW(option(program, "--secret"), std::out_of_range);
  for (const char* form : kForms) EXPECT_EQ(rendered(program, form).find("secret"), std::string::npos) << form;
}

TEST_F(RenderingsTest, ValuesChoicesAndRepetitionAreKnown) {
  const auto program = described();
  EXPECT_EQ(option(program, "--quiet").names, (std::vector<std::string>{"-q", "--quiet"}));
  EXPECT_EQ(option(program, "--quiet").value, "");
  EXPECT_EQ(option(program, "--no-store").value, "");
  EXPECT_EQ(option(program, "--view").choices, (std::vector<std::string>{"auto", "direct"}));
  EXPECT_EQ(option(program, "--view").default_text, "auto");
  EXPECT_FALSE(option(program, "--view").is_repeated);
  EXPECT_EQ(option(program, "--root").value, "DIR");
  EXPECT_TRUE(option(program, "--root").is_repeated);
  EXPECT_EQ(program.commands[0].positionals.at(0).position_name, "command");
}

TEST_F(RenderingsTest, EachFormEscapesWhatItTakesForItsOwn) {
  EXPECT_NE(zsh_completion(described()).find("[Don'\\''t say \\[much\\]\\: nothing]"), std::string::npos);
  EXPECT_NE(fish_completion(described()).find("'Don\\'t say [much]: nothing'"), std::string::npos);
  const auto page = manual_options(described());
  EXPECT_NE(page.find("\n\\&.extfarm \\e and below.\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\\fB\\-q\\fR, \\fB\\-\\-quiet\\fR\n"), std::string::npos) << page;
}

TEST_F(RenderingsTest, AListShowsTheFirstPartOfAText) {
  EXPECT_NE(fish_completion(described()).find("-a run -d 'Run it'"), std::string::npos);
  EXPECT_EQ(headline("One line\nand another"), "One line");
}

}  // namespace
}  // namespace extfarm
