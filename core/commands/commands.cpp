// The commands that belong to the host itself: what they take, and which function runs which.
#include "commands/commands.hpp"

#include <jetpack/plugin.hpp>

namespace jetpack {

namespace {

// Stands for all of them: run_host_command knows them by name.
int by_name(const Call&) { return 0; }

constexpr auto declaration = detail::plugin(
    "jetpack.host", JETPACK_PROJECT_VERSION,
    command(
        "completion", "Print a script that completes commands in a shell", by_name,
        argument("SHELL", "Shell that the script is for; 'words' prints the candidates for WORD")
            .choices("bash", "zsh", "fish", "words"),
        argument("WORD", "Words behind jetpack on a command line, the last one to be completed")
            .optional()
            .repeated(),
        description("Commands, options and values are those of all plugins that are installed."),
        example("source <(jetpack completion bash)", "Complete in this shell"),
        example("jetpack completion bash > /etc/bash_completion.d/jetpack",
                "Complete in every shell")),
    command("help", "Show how a command is used", by_name,
            argument("COMMAND", "The command, of one to three words, or 'settings' or 'files'")
                .optional()
                .repeated(),
            flag("json", "Print JSON: the notes of all plugins, the settings or the files"),
            example("jetpack help config", "Show the options of `jetpack config` and examples"),
            example("jetpack help settings", "List every setting with its default"),
            example("jetpack help files", "List every file of this node, and what it is for")),
    command(
        "plugin list", "List the plugins and what they provide", by_name,
        flag("json", "Print JSON"),
        flag("offers", "List what they offer besides commands: checks, timers, hooks, settings"),
        description("Plugins are read, not loaded. One that is refused is listed with the "
                    "reason; one whose command another plugin provides first is listed as "
                    "shadowed."),
        example("jetpack plugin list", "List the plugins, refused ones included")),
    command("plugin run", "Run a command of one particular plugin", by_name,
            argument("ID", "Id of the plugin or bundle"),
            argument("COMMAND", "Its command, with options and arguments").repeated(),
            description("Also one that another plugin provides first."),
            example("jetpack plugin run com.example.gpu status --json",
                    "Run 'status' of com.example.gpu")),
    command("version", "Print the version", by_name,
            flag("json", "Print JSON, with our own version, the plugin ABI and the compiler"),
            description("The first line is the version of the reference whose behaviour jetpack "
                        "matches, and our build number: what callers compare."),
            example("jetpack version --json", "Print our own version, too")));

static_assert(detail::refuse_mistake<declaration>());
constexpr auto own_note = detail::make_note<declaration>();

}  // namespace

std::string_view host_note() { return {own_note.descriptor, own_note.descriptor_size}; }

int run_host_command(const CommandNote& command, const Values& values, Registry& registry) {
  if (command.name == "help") return commands::help(values, registry);
  if (command.name == "completion") return commands::completion(values, registry);
  if (command.name == "plugin list") return commands::plugin_list(values, registry);
  return commands::version(values, registry);
}

}  // namespace jetpack
