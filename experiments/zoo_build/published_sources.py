"""What is known about each published table: source, commit, metric, traps, and what was left out and why."""

from ptmrec.benchmark.published import About

_PER_CLASS = "mean per-class accuracy"
_SFDA_METRICS = {
    "aircraft": _PER_CLASS,
    "caltech101": _PER_CLASS,
    "flowers": _PER_CLASS,
    "pets": _PER_CLASS,
    "voc2007": "11-point mean average precision",
}
_DATACOMP_METRICS = {
    "Caltech-101": "mean per-class recall",
    "FGVC Aircraft": "mean per-class recall",
    "Oxford Flowers-102": "mean per-class recall",
    "Oxford-IIIT Pet": "mean per-class recall",
    "Flickr": "mean recall at 1 (retrieval)",
    "MSCOCO": "mean recall at 1 (retrieval)",
    "WinoGAViL": "Jaccard score",
    "iWildCam": "macro F1",
    "FMoW": "accuracy of the worst region",
    "Dollar Street": "top-5 accuracy of the worst group",
    "GeoDE": "accuracy of the worst group",
}
_FILES = "results/benchmark-infer-*.csv"

_ABOUTS = (
    About(
        name="transfergraph",
        title="TransferGraph: 180 image models of the Hub, fine-tuned on 12 data sets",
        regime="fine_tuning",
        source="zLizy/transferability_graph",
        commit="9c22047",
        licence="none stated",
        metric="top-1 accuracy on the test slice (test_accuracy)",
        notes=[
            "From doc/records.csv and doc/model_config.csv: one record per model and data set, no repeats to resolve; "
            "19 of the 2160 pairs were not measured.",
            "food101 is left out: 112 records, nearly all at chance (mean .017), so the runs were broken.",
            "memory_consumption is left out: the same number for every model. elapsed_time is left out: on cifar100 "
            "the same architecture (ViT-B) took 8,600 to 22,900 s, so it says little about a model.",
            "The source's test slice (0.7:1) contains its validation slice (0.7:0.9); five configured models were "
            "never fine-tuned and are left out.",
            "source_dataset and source_accuracy are the source's annotation of each Hub card, and doubtful in places "
            "(a beans model is listed under cifar10). hfpics: made with HuggingPics from search results.",
            "Some models were trained on a target: 19 on eurosat, one on cifar100 (.996 there), one on stanfordcars.",
            "Two models are random test models of 44 and 77 thousand parameters (lysandre/tiny-vit-random, "
            "nateraw/test_model_a). The majority class of diabetic_retinopathy_detection is .736.",
        ],
    ),
    About(
        name="modelspider10",
        title="Model Spider: 10 ImageNet CNNs, fine-tuned on 8 data sets",
        regime="fine_tuning",
        source="zhangyikaii/Model-Spider",
        commit="d2a53e4d19db37a740c0807570f71dfaa06ab83d",
        licence="MIT",
        metric="fine-tuned accuracy",
        notes=[
            "From learnware/learnware_info.py; the figures are those of LogME's transfer benchmark.",
            "The regression sets dSprites and UTKFace are left out: their values are negative errors.",
            "Values have one decimal of a percent, so some models tie (on Cars, CIFAR10 and SUN397); the "
            "tie-broken ranks of the source are left out.",
        ],
    ),
    About(
        name="modelspider42",
        title="Model Spider: 3 CNNs trained on each of 14 data sets, fine-tuned on 7 others",
        regime="fine_tuning",
        source="zhangyikaii/Model-Spider",
        commit="d2a53e4d19db37a740c0807570f71dfaa06ab83d",
        licence="MIT",
        metric="fine-tuned accuracy",
        notes=[
            "From learnware/learnware_info.py: 42 of its 66 models; like the source's code, without those trained on "
            "Aircraft, DTD, SVHN, Pet, VLCS, STL10, CUB2011 and plain ImageNet.",
            "Every model was first trained on ImageNet, then on source_dataset.",
            "AID is a source of three models and a target as well.",
        ],
    ),
    About(
        name="parc_all",
        title="PARC: own and crowd-sourced CNNs by source, fine-tuned on 7 data sets",
        regime="fine_tuning",
        source="dbolya/parc",
        commit="b05d06288203905d2a57f19ddb83edddc80c182c",
        licence="none stated",
        metric="fine-tuned accuracy",
        notes=[
            "From oracles/all.csv; holds the controlled table as well. A model is an architecture and its source.",
            "-1 stands for not measured (10 records; resnet101/simclr_imagenet has no other) and is left out.",
            "ResNet-50s from swav, deepclusterv2, npid, moco and simclr on ImageNet are left out (35 records): the "
            "source's own evaluation (metrics.py) discards them, and their accuracies are implausibly low.",
            "source_dataset of crowd-sourced models is the name of a checkpoint, not of a data set.",
            "voc2007 has several labels per image: even AlexNet reaches .959, so differences there are tiny.",
            "No model is measured on its own source data set.",
        ],
    ),
    About(
        name="parc_controlled",
        title="PARC: 4 CNNs trained on each of 8 data sets, fine-tuned on the 7 others",
        regime="fine_tuning",
        source="dbolya/parc",
        commit="b05d06288203905d2a57f19ddb83edddc80c182c",
        licence="none stated",
        metric="fine-tuned accuracy",
        notes=[
            "From oracles/controlled.csv. A model is an architecture and its source.",
            "No model is measured on its own source data set, so 28 of the 224 pairs are empty.",
            "voc2007 has several labels per image: even AlexNet reaches .959, so differences there are tiny.",
        ],
    ),
    About(
        name="sfda_supervised",
        title="SFDA: 11 supervised ImageNet CNNs, fine-tuned on 11 data sets",
        regime="fine_tuning",
        source="TencentARC/SFDA",
        commit="3b7edf76bd682acb1eba4f4c5eb7ea7f3f7f6c59",
        licence="none stated",
        metric="top-1 accuracy",
        notes=[
            "From tw_group1.py; learning rate and weight decay chosen on a validation part (finetune_group1.py).",
            "The CNN table of EMMS (OpenGVLab/Multitask-Model-Selector) is identical and not kept twice.",
        ],
        metrics=_SFDA_METRICS,
    ),
    About(
        name="sfda_selfsupervised",
        title="SFDA: 12 self-supervised ResNet-50s, fine-tuned on 11 data sets",
        regime="fine_tuning",
        source="TencentARC/SFDA",
        commit="3b7edf76bd682acb1eba4f4c5eb7ea7f3f7f6c59",
        licence="none stated",
        metric="top-1 accuracy",
        notes=[
            "Group 2 of the source. All models are ResNet-50s; the model's name is the method that trained it.",
            "The released finetune_group2.py tries a single learning rate, unlike that of group 1.",
        ],
        metrics=_SFDA_METRICS,
    ),
    About(
        name="emms_vit",
        title="EMMS: 13 vision transformers, fine-tuned on 11 data sets",
        regime="fine_tuning",
        source="OpenGVLab/Multitask-Model-Selector",
        commit="24d1008",
        licence="none stated",
        metric="fine-tuned accuracy",
        notes=[
            "From evaluate_metric_cls_cpu_ViT.py, which ranks only 10 of the 13 models (not dino_base, pvtv2_b3, "
            "swin_s); all 13 are kept.",
            "The metric of each data set is not stated; the CNN table beside it is SFDA's, so probably SFDA's.",
        ],
    ),
    About(
        name="openclip",
        title="OpenCLIP: 121 vision-language models, zero shot on 38 data sets, with parameters and FLOPs",
        regime="zero_shot",
        source="mlfoundations/open_clip",
        commit="89fb801",
        licence="MIT",
        metric="top-1 accuracy, zero shot",
        notes=[
            "From docs/openclip_results.csv and docs/model_profile.csv; the mean over the 38 data sets is left out.",
            "The metrics are DataComp's (tasklist.yml of mlfoundations/datacomp).",
            "num_params and gflops are of both towers, for one image and one text; image_* of the image tower alone. "
            "The image tower of ViT-B-32 has 8.82 gflops: a multiply-add counts as two.",
            "Same weights under two names, by equal accuracies on all 38: RN50, RN101 and ViT-B-32 (openai) and their "
            "-quickgelu twins; ViT-B-32 commonpool_s_image and datacomp_s. Hold them out together.",
            "source_dataset is read from the pretrained tag; nllb-clip's tag v1 states none.",
            "KITTI Vehicle Distance falls with ImageNet accuracy (correlation -.32) and is mostly noise.",
        ],
        metrics=_DATACOMP_METRICS,
    ),
    About(
        name="lovm",
        title="LOVM: 35 vision-language models, zero shot on 23 data sets",
        regime="zero_shot",
        source="orrzohar/LOVM",
        commit="418cdcd282ae028cfd052c63b1ff42ffc729c186",
        licence="none stated",
        metric="top-1 accuracy, zero shot (acc1)",
        notes=[
            "From LOVM/eval_table.csv, the 23 data sets of the benchmark; the source also ranks by "
            "mean_per_class_recall, which is left out.",
            "coca_ViT-B-32 mscoco_finetuned_laion2b_s13b_b90k is at chance nearly everywhere (.009 on imagenet1k).",
        ],
    ),
    About(
        name="swab",
        title="SWAB: 43 vision-language models, zero shot on the 23 data sets of LOVM",
        regime="zero_shot",
        source="YCaigogogo/SWAB",
        commit="d323ea9f0b00f45999ea74b6de1d4fb9c63f21d5",
        licence="none stated",
        metric="top-1 accuracy, zero shot (acc1)",
        notes=[
            "From LOVM/eval_table.csv: LOVM's 35 models measured again, with four BEiT-3 and four BLIP models.",
            "Not the numbers of LOVM: 769 of the 805 shared pairs differ, 241 by more than a point, on fer2013 by up "
            "to .25. Do not mix the two tables.",
            "coca_ViT-B-32 mscoco_finetuned_laion2b_s13b_b90k is at chance nearly everywhere.",
            "source_dataset of BEiT-3 and BLIP is what they were fine-tuned on last (image-text retrieval).",
        ],
    ),
    About(
        name="timm",
        title="timm: ImageNet models at 1,556 pairs of weights and test size, on six ImageNet test sets, with speeds",
        regime="as_trained",
        source="huggingface/pytorch-image-models",
        commit="aa4b5850c1543fa488abf260f18390eda46cf85d",
        licence="Apache-2.0",
        metric="top-1 accuracy, no adaptation",
        notes=[
            "From results/results-*.csv. A model is weights at one test size, named weights@size: 1,266 weights at "
            "1,556 sizes. Keep the sizes of the same weights on one side of a split.",
            "All six test sets have ImageNet-1k's classes and training data: no transfer to other data. imagenet is "
            "the validation set models were chosen on.",
            "imagenet-a was selected to fool a ResNet-50; resnet50.tv_in1k@224 is not listed there. "
            "resmlp_24_224.fb_dino is listed there only, at .5 %, and is left out: weights without a classifier.",
            "family is read from the name of the architecture, source_dataset from the tag (in1k, in12k, in21k, in22k: "
            "ImageNet-1k to -22k; tags do not always name all data).",
            "num_params is rounded to ten thousand. gmacs (1e9 multiply-adds), macts (1e6 activations) and speed were "
            f"measured per architecture and size ({_FILES}) and are the same for all weights of it; some architectures "
            "were fused or had another classifier there.",
        ],
        devices={
            "i7-12700H": "CPU, fp32, batch 1, PyTorch 2.4 compiled (dynamo): latency; threads not stated",
            "i9-10940X": "CPU, fp32, batch 1, PyTorch 2.4 compiled (dynamo): latency; threads not stated",
            "RTX 4090": "GPU, mixed precision, PyTorch 2.9.1, CUDA 12.8, batch as given: throughput, not latency",
            "RTX 5090": "GPU, mixed precision, PyTorch 2.9.1, CUDA 13.0, batch as given: throughput, not latency",
        },
    ),
    About(
        name="aihub",
        title="Qualcomm AI Hub: latencies of 35 image classifiers on 14 devices",
        regime="costs_only",
        source="quic/ai-hub-models",
        commit="52c080d2",
        licence="BSD-3-Clause-like; figures only",
        metric="inference milliseconds, batch 1, after warm-up",
        notes=[
            "From qai_hub_models/models/*/perf.yaml and info.yaml of version 0.46.1, all models whose use case is "
            "image classification: 1,705 rows of model, device, runtime and precision. No accuracies.",
            "memory_mib is the range of peak memory that the page estimates; unit is what ran most of the model.",
            "num_params is rounded as there; some cards state neither parameters nor input.",
            "Latencies of two devices rank models alike at .96 (median), at .60 at the least: one device's table can "
            "mislead for another.",
        ],
    ),
)

ABOUT = {about.name: about for about in _ABOUTS}
"""What is known about each published table, by name."""
