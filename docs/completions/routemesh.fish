# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_routemesh_global_optspecs
    string join \n socket= o/output= j/json p/pretty 4 6 q/quiet h/help V/version
end

function __fish_routemesh_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_routemesh_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_routemesh_using_subcommand
    set -l cmd (__fish_routemesh_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c routemesh -n "__fish_routemesh_needs_command" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_needs_command" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_needs_command" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_needs_command" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_needs_command" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_needs_command" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_needs_command" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_needs_command" -s V -l version -d 'Print version'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "daemon" -d 'Forward packets: attach the programs and keep them in step, until told to end'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "detach" -d 'Take everything of routemesh out of the kernel'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "route" -d 'Routes: what is desired, and what is in force'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "routes" -d 'Routes: what is desired, and what is in force'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "endpoint" -d 'Containers of this host'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "endpoints" -d 'Containers of this host'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "link" -d 'Interfaces routemesh is attached to, or waits for'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "links" -d 'Interfaces routemesh is attached to, or waits for'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "status" -d 'The state of the daemon'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "stats" -d 'Packets and bytes by interface'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "outcomes" -d 'How packets ended, by interface and hook'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "config" -d 'The configuration: check a file, show what is in force'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "reload" -d 'Have the daemon read its configuration file again and apply the difference'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "apply" -d 'Put a file in force, and make it the daemon\'s configuration file'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "confirm" -d 'Keep a change that would end by itself'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "rollback" -d 'End an unconfirmed change, or go back to the configuration before the one in force'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "doctor" -d 'Say what on this host is in the way, and what mends it; needs no daemon'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "guard" -d 'Wait for the end of an unconfirmed change; started by the daemon'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c routemesh -n "__fish_routemesh_needs_command" -f -a "docs" -d 'Write the generated part of docs/'
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s c -l config -d 'Configuration file; by default /etc/routemesh/config.toml, or where that is missing, the one built in' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s u -l uplink -d 'Uplink to use in place of the file\'s: INTERFACE or INTERFACE:MODE, MODE one of auto, xdp, xdp-generic, tc; may be given many times' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -l bpffs -d 'Directory in the BPF file system where maps and links are pinned' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -l detach-on-exit -d 'Take everything out of the kernel at the end, instead of leaving it to forward'
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -l bpf-log -d 'Have the kernel programs log what should not happen; costs some speed'
complete -c routemesh -n "__fish_routemesh_using_subcommand daemon" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -l bpffs -d 'Directory in the BPF file system where maps and links are pinned' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -l all -d 'Everything: programs, maps and links, from all interfaces'
complete -c routemesh -n "__fish_routemesh_using_subcommand detach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "list" -d 'List routes (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "show" -d 'List routes (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "ls" -d 'List routes (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "add" -d 'Add a route: fails if there is one for the prefix'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "replace" -d 'Add a route, or take the place of the one there is'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "del" -d 'Remove a route that was added on the command line'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "delete" -d 'Remove a route that was added on the command line'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "get" -d 'Show which route wins for an address, and why'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "flush" -d 'Remove all routes that were added on the command line'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s s -l source -d 'Routes of this source only: file, cli or kernel' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s a -l all -d 'Those of the host\'s own addresses too, packets for which go up to its stack'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s s -l source -d 'Routes of this source only: file, cli or kernel' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s a -l all -d 'Those of the host\'s own addresses too, packets for which go up to its stack'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s s -l source -d 'Routes of this source only: file, cli or kernel' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s a -l all -d 'Those of the host\'s own addresses too, packets for which go up to its stack'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -s b -l batch -d 'Read routes from a file, one a line ("-": from the standard input); all are done, or none' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -s b -l batch -d 'Read routes from a file, one a line ("-": from the standard input); all are done, or none' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from replace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -s b -l batch -d 'Read routes from a file, one a line ("-": from the standard input); all are done, or none' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from del" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -s b -l batch -d 'Read routes from a file, one a line ("-": from the standard input); all are done, or none' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from get" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from get" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from get" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from get" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from get" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from get" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from flush" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from flush" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from flush" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from flush" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from flush" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from flush" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from flush" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand route; and __fish_seen_subcommand_from flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "list" -d 'List routes (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "show" -d 'List routes (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "ls" -d 'List routes (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "add" -d 'Add a route: fails if there is one for the prefix'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "replace" -d 'Add a route, or take the place of the one there is'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "del" -d 'Remove a route that was added on the command line'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "delete" -d 'Remove a route that was added on the command line'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "get" -d 'Show which route wins for an address, and why'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and not __fish_seen_subcommand_from list show ls add replace del delete get flush" -f -a "flush" -d 'Remove all routes that were added on the command line'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s s -l source -d 'Routes of this source only: file, cli or kernel' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s a -l all -d 'Those of the host\'s own addresses too, packets for which go up to its stack'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s s -l source -d 'Routes of this source only: file, cli or kernel' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s a -l all -d 'Those of the host\'s own addresses too, packets for which go up to its stack'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s s -l source -d 'Routes of this source only: file, cli or kernel' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s a -l all -d 'Those of the host\'s own addresses too, packets for which go up to its stack'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -s b -l batch -d 'Read routes from a file, one a line ("-": from the standard input); all are done, or none' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -s b -l batch -d 'Read routes from a file, one a line ("-": from the standard input); all are done, or none' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from replace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -s b -l batch -d 'Read routes from a file, one a line ("-": from the standard input); all are done, or none' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from del" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -s b -l batch -d 'Read routes from a file, one a line ("-": from the standard input); all are done, or none' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from get" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from get" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from get" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from get" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from get" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from get" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from flush" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from flush" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from flush" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from flush" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from flush" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from flush" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from flush" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand routes; and __fish_seen_subcommand_from flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -f -a "list" -d 'List the containers learnt (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -f -a "show" -d 'List the containers learnt (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and not __fish_seen_subcommand_from list show ls" -f -a "ls" -d 'List the containers learnt (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from list" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from list" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from list" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from list" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from list" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from show" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from show" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from show" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from show" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from show" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoint; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -f -a "list" -d 'List the containers learnt (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -f -a "show" -d 'List the containers learnt (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and not __fish_seen_subcommand_from list show ls" -f -a "ls" -d 'List the containers learnt (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from list" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from list" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from list" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from list" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from list" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from show" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from show" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from show" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from show" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from show" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand endpoints; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -f -a "list" -d 'List the interfaces in use or waited for (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -f -a "show" -d 'List the interfaces in use or waited for (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and not __fish_seen_subcommand_from list show ls" -f -a "ls" -d 'List the interfaces in use or waited for (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from list" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from list" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from list" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from list" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from list" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from show" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from show" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from show" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from show" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from show" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand link; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -f -a "list" -d 'List the interfaces in use or waited for (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -f -a "show" -d 'List the interfaces in use or waited for (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and not __fish_seen_subcommand_from list show ls" -f -a "ls" -d 'List the interfaces in use or waited for (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from list" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from list" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from list" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from list" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from list" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from show" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from show" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from show" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from show" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from show" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from ls" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from ls" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from ls" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from ls" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from ls" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from ls" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand links; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand status" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand status" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand status" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand status" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand status" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand status" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand status" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s d -l delay -d 'Time between two looks' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s n -l count -d 'Stop after so many looks' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s w -l watch -d 'Go on, and show rates by the second'
complete -c routemesh -n "__fish_routemesh_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -s a -l all -d 'Show outcomes that never happened too, and what each means'
complete -c routemesh -n "__fish_routemesh_using_subcommand outcomes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -f -a "check" -d 'Say what is wrong with a file; on this host too, where the daemon answers'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -f -a "show" -d 'Print the configuration in force, all values written out (the default)'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -f -a "schema" -d 'Print the JSON schema of the file'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from check" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from check" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from check" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from check" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from check" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from check" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -l file -d 'Print what a file means instead' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -l defaults -d 'Print the built-in default instead'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from schema" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from schema" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from schema" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from schema" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from schema" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from schema" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand reload" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand reload" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand reload" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand reload" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand reload" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand reload" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand reload" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -l confirm -d 'Take the change back after this time, as 30s, 5m or 1h, unless it is confirmed' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -l dry-run -d 'Print what would change, and change nothing'
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -l exit-code -d 'With --dry-run: end with exit code 1 where something would change'
complete -c routemesh -n "__fish_routemesh_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand confirm" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand confirm" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand confirm" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand confirm" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand confirm" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand confirm" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand confirm" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand confirm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -l confirm -d 'Take the change back after this time, as 30s, 5m or 1h, unless it is confirmed' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -l dry-run -d 'Print what would change, and change nothing'
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -l exit-code -d 'With --dry-run: end with exit code 1 where something would change'
complete -c routemesh -n "__fish_routemesh_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -s c -l config -d 'Configuration file; by default /etc/routemesh/config.toml, or where that is missing, the one built in' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -l bpffs -d 'Directory in the BPF file system where maps and links are pinned' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -l try-xdp -d 'Attach XDP for a moment to uplinks that are to have it and do not, to see what their drivers do: some take the link down for a second'
complete -c routemesh -n "__fish_routemesh_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s c -l config -d 'Configuration file; by default /etc/routemesh/config.toml, or where that is missing, the one built in' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s u -l uplink -d 'Uplink to use in place of the file\'s: INTERFACE or INTERFACE:MODE, MODE one of auto, xdp, xdp-generic, tc; may be given many times' -r
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -l bpffs -d 'Directory in the BPF file system where maps and links are pinned' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -l detach-on-exit -d 'Take everything out of the kernel at the end, instead of leaving it to forward'
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -l bpf-log -d 'Have the kernel programs log what should not happen; costs some speed'
complete -c routemesh -n "__fish_routemesh_using_subcommand guard" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand completions" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand completions" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand completions" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand completions" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand completions" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand completions" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand completions" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c routemesh -n "__fish_routemesh_using_subcommand docs" -l socket -d 'Control socket of the daemon' -r -F
complete -c routemesh -n "__fish_routemesh_using_subcommand docs" -s o -l output -d 'How to print' -r -f -a "table\t'Columns that matter'
wide\t'All columns'
json\t'JSON, on one line'
yaml\t'YAML'"
complete -c routemesh -n "__fish_routemesh_using_subcommand docs" -s j -l json -d 'Print JSON: short for `-o json`'
complete -c routemesh -n "__fish_routemesh_using_subcommand docs" -s p -l pretty -d 'Print JSON on many lines, indented'
complete -c routemesh -n "__fish_routemesh_using_subcommand docs" -s 4 -d 'IPv4 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand docs" -s 6 -d 'IPv6 only'
complete -c routemesh -n "__fish_routemesh_using_subcommand docs" -s q -l quiet -d 'Print no word on what went well'
complete -c routemesh -n "__fish_routemesh_using_subcommand docs" -s h -l help -d 'Print help (see more with \'--help\')'
