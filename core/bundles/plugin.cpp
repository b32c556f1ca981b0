// `jetpack plugin ...`: bundles of plugins: made, signed, installed, checked and removed.
#include <jetpack/plugin.hpp>
#include "bundles/verbs.hpp"

namespace {

using namespace jetpack::bundles;
using jetpack::argument;
using jetpack::command;
using jetpack::description;
using jetpack::example;
using jetpack::flag;
using jetpack::option;

constexpr auto json = flag("json", "Print JSON");
constexpr auto id = argument("ID", "Id of an installed bundle").values_from("plugin info");

constexpr auto its_key = option("key", "FILE", "Private key to sign it with; - is standard input");

}  // namespace

JETPACK_PLUGIN(
    "jetpack.plugin", JETPACK_PROJECT_VERSION,
    command("plugin disable", "Switch a bundle off", disable_verb, id,
            option("reason", "TEXT", "Why, for 'jetpack plugin list'").fallback("by request"), json,
            example("jetpack plugin disable com.example.gpu", "Keep it installed, and unused")),
    command("plugin enable", "Switch a bundle on again", enable_verb, id, json,
            description("Also one that was switched off because it crashed."),
            example("jetpack plugin enable com.example.gpu", "Use it again")),
    command("plugin index", "Write an index of bundles", index_verb,
            argument("BUNDLE", "Bundle file; it must lie beside the index").repeated(),
            option("output", 'o', "PATH", "Where to write it").fallback("index.json"), its_key,
            json,
            example("jetpack plugin index --key my.key *.jpb",
                    "Write index.json and index.json.sig")),
    command("plugin info", "Show what is in a bundle", info_verb,
            argument("BUNDLE",
                     "Id of an installed bundle, or a file or directory; default lists all")
                .optional(),
            json, description("Signature and files are not checked; see 'jetpack plugin verify'."),
            example("jetpack plugin info gpu-1.2.0.jpb", "Show a bundle before it is installed")),
    command("plugin install", "Install a bundle of plugins", install_verb,
            argument("SOURCE",
                     "File, directory, https URL, locker:PATH, or ID[@VERSION] of an index"),
            json,
            description(
                "The bundle is installed only if config/plugins.ini allows it, it is signed by a "
                "trusted key, and each file is what its manifest says. No code of it is run. The "
                "version that was active is kept for 'jetpack plugin rollback'."),
            example("jetpack plugin install gpu-1.2.0.jpb", "Install from a file"),
            example("jetpack plugin install locker:plugins/gpu-1.2.0.jpb",
                    "Install from the node's locker")),
    command("plugin keygen", "Create a key to sign bundles with", keygen_verb,
            argument("PATH", "Private key to create; the public one is PATH.pub"), json,
            description("Ed25519, in PEM. An existing file is never replaced."),
            example("jetpack plugin keygen my.key", "Create my.key and my.key.pub")),
    command("plugin pack", "Make a bundle from plugins", pack_verb,
            argument("PLUGIN", "Library, note of an executable plugin, or directory of them")
                .repeated(),
            option("output", 'o', "PATH", "Where to write it; default is ID-VERSION.jpb"), its_key,
            option("share", "DIR", "Directory whose content goes to share/"),
            option("id", "ID", "Id of the plugin or bundle; needed for several"),
            option("version", "VERSION", "Version of a bundle of several plugins"),
            option("capability", "NAME", "What the bundle asks to be granted")
                .choices("ptrace", "mount", "kexec", "modules", "bpf")
                .repeated(),
            option("max", "NAME=VALUE", "Limit to ask for: memory, processes, files, cpu or wall")
                .repeated(),
            json,
            description("The manifest is made from the notes of the plugins. The same input gives "
                        "the same bytes."),
            example("jetpack plugin pack gpu.so --key my.key",
                    "Make and sign a bundle of one plugin"),
            example("jetpack plugin pack x86/gpu.so arm/gpu.so", "Make one for two platforms")),
    command("plugin remove", "Remove a bundle with all its versions", remove_verb, id, json,
            example("jetpack plugin remove com.example.gpu", "Remove it")),
    command("plugin rollback", "Go back to the previous version of a bundle", rollback_verb, id,
            json, description("Again goes forward to the later version."),
            example("jetpack plugin rollback com.example.gpu", "Undo the last update")),
    command("plugin search", "List the bundles of the indexes", search_verb,
            argument("WORD", "Word in the id, a command or the summary").optional(), json,
            description("The indexes are those of [index] urls in config/plugins.ini."),
            example("jetpack plugin search gpu", "Find bundles for GPUs")),
    command(
        "plugin sign", "Sign a bundle or an index", sign_verb,
        argument("PATH",
                 "Bundle, which is signed in place, or index, beside which PATH.sig is written"),
        its_key.required(), json,
        example("jetpack plugin sign gpu-1.2.0.jpb --key my.key", "Sign a bundle")),
    command(
        "plugin trust", "Trust the owner of a key to sign bundles", trust_verb,
        argument("FILE", "Public key in PEM; - is standard input").optional().repeated(),
        option("distrust", "KEY", "Id of a key not to trust any longer"), json,
        description("Prints the ids of all trusted keys. Compare an id with what its owner says."),
        example("jetpack plugin trust vendor.pub", "Trust a key")),
    command("plugin update", "Install newer versions from the indexes", update_verb,
            argument("ID", "Id of an installed bundle; default is all").optional().repeated(),
            flag("check", "Only list what could be updated"), json,
            example("jetpack plugin update --check", "List newer versions")),
    command(
        "plugin verify", "Check installed bundles again", verify_verb,
        argument("ID", "Id of an installed bundle; default is all").optional().repeated(), json,
        description("Checks the signature, the policy, and the hash, owner and mode of each file. "
                    "Exits with 1 when something is wrong."),
        example("jetpack plugin verify", "Check all of them")));
