//! `natives.d.ts` says what the table of natives has.

#[test]
fn natives_d_ts_is_not_stale() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/natives.d.ts");
    let written = std::fs::read_to_string(path).expect("natives.d.ts can be read");
    assert!(
        written == azure_init_runtime::declarations(),
        "natives.d.ts is stale; cargo run --bin declarations >natives.d.ts"
    );
}
