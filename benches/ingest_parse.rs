//! Reading a batch of 1,000 increments: the hand parser against the JSON library.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use guildhall::core::increments::{Packer, for_each};
use guildhall::domain::MemberOrdinal;
use guildhall::wire::ingest::{parse_increments, parse_increments_by_library};
use uuid::Uuid;

const LINES: u128 = 1_000;

/// Member ids that differ all over, as random ones do.
fn member(number: u128) -> Uuid {
    Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn lines(line: impl Fn(Uuid, Uuid) -> String) -> Vec<String> {
    (1..=LINES).map(|i| line(member(i), member(i << 64))).collect()
}

fn bodies() -> Vec<(&'static str, String)> {
    let plain = lines(|member, _| format!(r#"{{"memberId":"{member}","key":"likes","delta":1}}"#));
    let op_ids = lines(|member, op| {
        format!(r#"{{"memberId":"{member}","key":"likes","delta":1,"opId":"{op}"}}"#)
    });
    let spaced =
        lines(|member, _| format!(r#"{{ "key": "likes", "delta": 1, "memberId": "{member}" }}"#));
    let escaped =
        lines(|member, _| format!(r#"{{"memberId":"{member}","key":"l\u0069kes","delta":1}}"#));
    vec![
        ("array", format!("[{}]", plain.join(","))),
        ("producer", format!(r#"{{"producer":"p1","n":7,"increments":[{}]}}"#, plain.join(","))),
        ("ndjson", plain.join("\n")),
        ("op_ids", format!("[{}]", op_ids.join(","))),
        ("spaced", format!("[{}]", spaced.join(","))),
        ("escaped", format!("[{}]", escaped.join(","))),
    ]
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ingest_parse");
    group.throughput(Throughput::Elements(LINES as u64));
    for (name, body) in bodies() {
        group.bench_function(format!("{name}/by_hand"), |bencher| {
            bencher.iter(|| parse_increments(black_box(body.as_bytes())));
        });
        group.bench_function(format!("{name}/by_library"), |bencher| {
            bencher.iter(|| parse_increments_by_library(black_box(body.as_bytes())));
        });
    }
    group.finish();
}

fn pack(criterion: &mut Criterion) {
    let ordinals: Vec<u32> =
        (1..=LINES as u32).map(|i| i.wrapping_mul(2_654_435_769) % 1_000_000).collect();
    let mut group = criterion.benchmark_group("increments");
    group.throughput(Throughput::Elements(LINES as u64));
    let mut packer = Packer::new();
    let mut pack = |delta_of: fn(usize) -> i64| {
        packer.begin_group(3);
        for (at, &ordinal) in ordinals.iter().enumerate() {
            packer.push(MemberOrdinal(ordinal), delta_of(at));
        }
        packer.finish()
    };
    group.bench_function("pack/equal_deltas", |bencher| bencher.iter(|| pack(|_| 1)));
    group.bench_function("pack/pairs", |bencher| bencher.iter(|| pack(|at| at as i64 % 7)));
    let packed = pack(|_| 1);
    group.bench_function("unpack/equal_deltas", |bencher| {
        bencher.iter(|| {
            let mut sum = 0_i64;
            for_each(black_box(&packed), |_, ordinal, delta| sum += i64::from(ordinal.0) * delta)
                .map(|()| sum)
        });
    });
    group.finish();
}

criterion_group!(benches, parse, pack);
criterion_main!(benches);
