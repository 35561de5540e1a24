// The subcommands: each declares its options and hands what is to run to `choose` when the command line names it.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace sclip {

using Subcommand = std::function<int()>;  // returns the exit code; throws sclip::Error
using ChooseSubcommand = std::function<void(Subcommand)>;

void add_segment(CLI::App& app, const ChooseSubcommand& choose);
void add_classify(CLI::App& app, const ChooseSubcommand& choose);
void add_embed(CLI::App& app, const ChooseSubcommand& choose);
void add_eval(CLI::App& app, const ChooseSubcommand& choose);
void add_explain(CLI::App& app, const ChooseSubcommand& choose);
void add_info(CLI::App& app, const ChooseSubcommand& choose);
void add_tune(CLI::App& app, const ChooseSubcommand& choose);
void add_doctor(CLI::App& app, const ChooseSubcommand& choose);
void add_bench(CLI::App& app, const ChooseSubcommand& choose);
void add_verify(CLI::App& app, const ChooseSubcommand& choose);
void add_serve(CLI::App& app, const ChooseSubcommand& choose);
void add_plan(CLI::App& app, const ChooseSubcommand& choose);
void add_completion(CLI::App& app, const ChooseSubcommand& choose);

}  // namespace sclip
