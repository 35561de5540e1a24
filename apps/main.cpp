// sclip: the command. Each subcommand has a file of its own; errors of all of them become one line and exit code 2.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <new>

#include "apps/console.h"
#include "apps/help.h"
#include "apps/subcommands.h"
#include "core/find_named.h"
#include "core/version.h"
#include "sclip/error.h"

namespace {

using sclip::kExitDone;
using sclip::kExitError;
using sclip::print_message;

// What the first word that nothing takes was probably meant to be: a subcommand, or an option of the one that is used.
std::string advice_on_extras(const CLI::App& app, const CLI::App& used) {
  const std::vector<std::string> extras = app.remaining(true);
  if (extras.empty()) return "";
  const std::string word = extras[0].substr(0, extras[0].find('='));
  std::vector<std::string> names;
  if (&app == &used) {
    for (const CLI::App* subcommand : used.get_subcommands(nullptr)) names.push_back(subcommand->get_name());
  }
  for (const CLI::Option* option : used.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::string_view meant = sclip::nearest_name(word, {names.begin(), names.end()});
  return meant.empty() ? "" : sclip::str("; did you mean '", meant, "'?");
}

int parse_and_run(CLI::App& app, int argc, char** argv) {
  sclip::Subcommand chosen;
  const auto choose = [&chosen](sclip::Subcommand run) { chosen = std::move(run); };
  sclip::add_segment(app, choose);
  sclip::add_classify(app, choose);
  sclip::add_embed(app, choose);
  sclip::add_eval(app, choose);
  sclip::add_explain(app, choose);
  sclip::add_info(app, choose);
  sclip::add_tune(app, choose);
  sclip::add_doctor(app, choose);
  sclip::add_plan(app, choose);
  sclip::add_verify(app, choose);
  sclip::add_serve(app, choose);
  sclip::add_bench(app, choose);
  sclip::add_completion(app, choose);
  for (CLI::App* subcommand : app.get_subcommands({})) sclip::document(*subcommand);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return app.exit(wish);
  } catch (const CLI::ParseError& error) {
    const auto used = app.get_subcommands();
    const std::string help = "sclip " + (used.empty() ? "" : used.front()->get_name() + " ") + "--help";
    const std::string advice = advice_on_extras(app, used.empty() ? app : *used.front());
    print_message(sclip::one_line(error.what()) + advice + " (" + help + " lists the options)");
    return kExitError;
  }
  if (!chosen) {
    std::fputs(app.help().c_str(), stdout);
    return kExitDone;
  }
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit is an error of the write, with clean-up, not the end
  int code = kExitError;
  try {
    CLI::App app("Cuts a photograph into regions named by words: open-vocabulary segmentation with CLIP and SCLIP.");
    app.name("sclip");
    app.formatter(sclip::help_formatter());
    app.set_version_flag("--version", "sclip " + sclip::version());
    app.require_subcommand(0, 1);
    code = parse_and_run(app, argc, argv);
  } catch (const sclip::Error& error) {
    print_message(error.what());
  } catch (const std::bad_alloc&) {
    print_message("out of memory");
  } catch (const std::filesystem::filesystem_error& error) {
    print_message("cannot use " + error.path1().string() + ": " + error.code().message());
  } catch (const std::exception& error) {
    print_message(std::string("internal error: ") + error.what());
  }
  if (std::fflush(stdout) != 0 && code == kExitDone) {
    print_message("cannot write to standard output");
    code = kExitError;
  }
  return code;
}
