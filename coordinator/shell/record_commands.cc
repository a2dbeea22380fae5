// The commands about builds that have ended, and about the commands themselves.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "common/command_line/renderings.h"
#include "coordinator/shell/commands.h"
#include "coordinator/shell/explain.h"
#include "coordinator/shell/history.h"
#include "coordinator/shell/report.h"

namespace extfarm {

RecordCommands::RecordCommands(CLI::App& app)
    : app_(app),
      explain_(app.add_subcommand("explain", "Say why actions ran in the last build, and whether they would now; without a "
                                                "target, which commands ran locally, and why")),
      history_(app.add_subcommand("history", "Say how long actions took in the last builds of this folder, with how much memory, and where; "
                                         "without a target, the slowest")),
      report_(app.add_subcommand("report", "Say how the last build of this folder went, and where its page lies")),
      completions_(app.add_subcommand("completions", "Print what a shell needs to complete extfarm's options: source <(extfarm completions bash)")) {
  explain_->add_option("target", targets_, "An output, a source or an extension's name")->type_name("TARGET");
  explain_->add_flag("--json", as_json_, "The same as JSON, as doc/json.md describes it");
  history_->add_option("target", targets_, "An output, a source or an extension's name")->type_name("TARGET");
  history_->add_flag("--json", as_json_, "All of it as JSON, as doc/json.md describes it");
  report_->add_flag("--open", is_opened_, "Show the page, too, with xdg-open");
  report_->add_flag("--json", as_json_, "The last build as JSON, as doc/json.md describes it")->excludes("--open");
  completions_->add_option("form", form_, "The shell; man: the options for manual pages")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kForms), std::end(kForms))));
}

std::optional<int> RecordCommands::run() {
  const std::string here = std::filesystem::current_path().string();
  if (completions_->parsed()) return std::fputs(rendered(description_of(app_), form_).c_str(), stdout) < 0;
  if (explain_->parsed()) return targets_.empty() ? explain_local(here, as_json_) : explain(here, targets_, as_json_);
  if (history_->parsed()) return show_history(here, targets_, as_json_);
  if (report_->parsed())
    return show_report(here, as_json_ ? ReportForm::kJson : is_opened_ ? ReportForm::kOpened : ReportForm::kText);
  return std::nullopt;
}

}  // namespace extfarm
