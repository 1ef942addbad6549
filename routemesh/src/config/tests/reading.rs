//! Texts that are no configuration: not TOML, or other keys and types.

use super::shows;

#[test]
fn two_syntax_errors_are_both_shown() {
    shows(
        r#"node = 
[[uplink]]
interface = "eth0
"#,
        r#"
error: string values must be quoted, expected literal string
 --> config.toml:1:8
  |
1 | node = 
  |        ^

error: invalid basic string, expected `"`
 --> config.toml:3:18
  |
3 | interface = "eth0
  |                  ^
"#,
    );
}

#[test]
fn a_key_written_twice_is_shown() {
    shows(
        r#"node = "a"
node = "b"
"#,
        r#"
error: duplicate key
 --> config.toml:2:1
  |
2 | node = "b"
  | ^^^^ written before; remove one of the two
"#,
    );
}

#[test]
fn an_unknown_key_at_the_top_is_shown_with_the_keys_there_are() {
    shows(
        r#"colour = 1
"#,
        r#"
error: unknown key `colour`
 --> config.toml:1:1
  |
1 | colour = 1
  | ^^^^^^ no such key
  |
  = help: the keys here are node, uplink, network, route, tunnel, limits, metrics
"#,
    );
}

#[test]
fn an_unknown_key_like_a_known_one_gets_a_suggestion() {
    shows(
        r#"[[uplink]]
interfase = "eth0"
"#,
        r#"
error: unknown key `interfase`
 --> config.toml:2:1
  |
2 | interfase = "eth0"
  | ^^^^^^^^^ no such key
  |
  = help: did you mean `interface`? The keys here are interface, mode
"#,
    );
}

#[test]
fn a_mistake_in_each_of_three_tables_is_shown_in_the_order_of_the_file() {
    shows(
        r#"[[uplink]]
interface = 1

[[network]]
subnets = "10.1.0.0/16"

[limits]
route = 5
"#,
        r#"
error: wrong type: integer `1`
 --> config.toml:2:13
  |
2 | interface = 1
  |             ^ expected a text in quotes

error: wrong type: string "10.1.0.0/16"
 --> config.toml:5:11
  |
5 | subnets = "10.1.0.0/16"
  |           ^^^^^^^^^^^^^ expected a list in brackets

error: unknown key `route`
 --> config.toml:8:1
  |
8 | route = 5
  | ^^^^^ no such key
  |
  = help: did you mean `routes`? The keys here are routes
"#,
    );
}

#[test]
fn a_missing_key_is_shown_with_the_line_to_add() {
    shows(
        r#"[[route]]
via = "192.168.100.2"
"#,
        r#"
error: `dst` is missing
 --> config.toml:1:1
  |
1 | [[route]]
  | ^^^^^^^^^ in this table
  |
  = help: add a line `dst = "..."`
"#,
    );
}

#[test]
fn a_number_in_quotes_is_told_to_lose_them() {
    shows(
        r#"[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
mtu = "1400"
"#,
        r#"
error: wrong type: string "1400"
 --> config.toml:4:7
  |
4 | mtu = "1400"
  |       ^^^^^^ expected a whole number, without quotes
"#,
    );
}

#[test]
fn a_single_table_where_a_list_belongs_is_told_the_brackets() {
    shows(
        r#"[uplink]
interface = "eth0"
"#,
        r#"
error: `uplink` is not a list of tables
 --> config.toml:1:1
  |
1 | [uplink]
  | ^^^^^^^^ can be there more than once
  |
  = help: write `[[uplink]]`, once for each
"#,
    );
}

#[test]
fn a_value_where_a_table_belongs_is_shown() {
    shows(
        r#"metrics = 9477
"#,
        r#"
error: wrong type: integer `9477`
 --> config.toml:1:11
  |
1 | metrics = 9477
  |           ^^^^ expected a table
"#,
    );
}
