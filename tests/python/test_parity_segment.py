"""ViT-B/16 from photo to labels: sclip against the reference, in f32 and bf16."""
import numpy as np
import pytest
from parity import Setting, difference, has_bf16, segment_with_sclip

POLICIES = ("clip", "sclip", "maskclip", "q-only", "k-only")
CONFIGS = ("voc21", "voc20")
# What a configuration changes comes behind the policy: all pairs on one photo, each in turn on the others.
SETTINGS = ([Setting("landscape", p, c) for p in POLICIES for c in CONFIGS]
            + [Setting(photo, p, CONFIGS[(i + j) % 2], short_side) for i, (photo, short_side) in
               enumerate((("portrait", None), ("pixel", None), ("small", 160))) for j, p in enumerate(POLICIES[:3])])


def name(setting):
    return f"{setting.photo}-{setting.policy}-{setting.config}"


@pytest.mark.parametrize("setting", SETTINGS, ids=name)
def test_f32(setting, sclip, random_vit, oracle, photos, bank_cache, tmp_path):
    logits, scores, mask, result = segment_with_sclip(setting, photos, random_vit[2], "f32", tmp_path, bank_cache)
    expected_logits, expected_scores, expected_labels = oracle.segment(setting)
    error, score_error = difference(logits, expected_logits), difference(scores, expected_scores)
    agreement = (mask == expected_labels).mean()
    print(f"logits off by {error:.2e} of {np.abs(expected_logits).max():.3f}, scores by {score_error:.2e}, "
          f"labels equal on {agreement:.4%}, {len(np.unique(expected_labels))} classes seen")
    assert error <= 2e-6
    assert agreement >= 0.9999
    assert sum(c["pixels"] for c in result["classes"]) == mask.size
    # The area filter sets a class's scores to 0 at a count of pixels: scores compare where labels agree.
    same = mask == expected_labels
    assert difference(scores[same], expected_scores[same]) <= 65 * 4e-6


@pytest.mark.skipif(not has_bf16(), reason="this CPU has no AVX-512 BF16")
@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.policy in POLICIES[:3]], ids=name)
def test_bf16(setting, sclip, random_vit, oracle, photos, bank_cache, tmp_path):
    logits, _, mask, _ = segment_with_sclip(setting, photos, random_vit[2], "bf16", tmp_path, bank_cache)
    expected_logits, _, expected_labels = oracle.segment(setting)
    error, agreement = difference(logits, expected_logits), (mask == expected_labels).mean()
    print(f"logits off by {error:.2e} of {np.abs(expected_logits).max():.3f}, labels equal on {agreement:.3%}")
    assert error <= 2e-3
    assert agreement >= 0.99
