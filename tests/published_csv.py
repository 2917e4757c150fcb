"""Small CSV tables in the form of the published ones."""

from pathlib import Path

SPEED = (
    "model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,param_count,infer_gmacs,infer_macts\n"
)


RESULT = "model,img_size,top1,param_count,crop_pct\n"


RESNET = 'resnet50d.ra2_in1k,224,80.5,"1,025.58",0.875\n'


CSV = {
    "transfergraph_records.csv": "model,finetuned_dataset,epochs,batch_size,lr,elapsed_time,test_accuracy\n"
    "a/b,pets,30,16,0.01,9.5,0.9\na/b,food101,30,16,0.01,9.5,0.01\nc/d,pets,30,8,0.01,9.5,0.8\n",
    "transfergraph_model_config.csv": "model,architectures,model_type,number_of_parameters,input_shape,output_shape,"
    "dataset,#labels,accuracy,memory_consumption\n"
    "a/b,['ViTForImageClassification'],vit,86,224.0,768.0,beans,3.0,0.97,1\n"
    "c/d,['VanForImageClassification'],,,224.0,512.0,imagenet,1000.0,,1\n"
    "e/f,['VanForImageClassification'],van,5,224.0,512.0,imagenet,1000.0,,1\n",
    "modelspider_single_source_gt.csv": "dataset,model,finetune\nPet,resnet50,92.5\ndSprites,resnet50,-0.03\n",
    "modelspider_multi_source42_gt.csv": "dataset,model,finetune\nPet,FTD_inception_v3_CIFAR10,92.5\n",
    "parc_oracle_all.csv": "Architecture,Source Dataset,Target Dataset,Oracle\nresnet50,nabird,cifar10,89.97\n"
    "resnet101,simclr_imagenet,cifar10,-1.0\nresnet50,swav_imagenet,cifar10,60.1\nresnet18,nabird,cifar10,-1.0\n",
    "parc_oracle_controlled.csv": "Architecture,Source Dataset,Target Dataset,Oracle\nresnet50,nabird,cifar10,89.97\n",
    "sfda_group1_gt.csv": "dataset,model,finetune_acc\npets,mobilenet_v2,91.28\npets,mnasnet1_0,91.08\n",
    "sfda_group2_gt.csv": "dataset,model,finetune_acc\npets,byol,91.48\n",
    "emms_vit_gt.csv": "dataset,model,finetune_acc\npets,dino_small,92.59\npets,pvtv2_b2,93.86\n",
    "openclip_results.csv": "name,pretrained,params (M),FLOPs (B),Average perf. on 38 datasets,MNIST,GTSRB\n"
    "ViT-B-32,laion2b_s34b_b79k,151.28,14.78,0.55,0.6,0.5\nnllb-clip-base,v1,501.89,20.54,0.3,0.3,0.3\n",
    "openclip_model_profile.csv": "model,image_size,embed_dim,image_mparams,image_gflops\n"
    "ViT-B-32,224,512,87.85,8.82\nnllb-clip-base,224,512,87.85,8.82\n",
    "lovm_gt_long.csv": "dataset,model_fullname,model,pretrained,acc1\n"
    "mnist,coca_ViT-B-32 mscoco_finetuned_laion2b_s13b_b90k,coca_ViT-B-32,mscoco_finetuned_laion2b_s13b_b90k,0.1435\n",
    "swab43_gt_long.csv": "dataset,model_fullname,model,pretrained,acc1\n"
    "mnist,BLIP retrieval_base_f30k,BLIP,retrieval_base_f30k,0.5\n",
    "timm/results-imagenet.csv": RESULT + RESNET + "tf_efficientnetv2_s.in21k_ft_in1k,300,83.9,21.46,1.0\n",
    "timm/results-imagenet-a.csv": RESULT + "resmlp_24_224.fb_dino,224,0.48,30.02,0.875\n",
    "timm/benchmark-infer-fp32-nchw-pt240-cpu-i7_12700h-dynamo.csv": SPEED
    + "resnet50d,224,40.0,25.0,1,25.58,4.35,11.9\n",
    "timm/benchmark-infer-amp-nchw-pt291-cu130-5090.csv": SPEED + "resnet50d,224,5000.0,204.8,1024,25.58,4.36,11.9\n",
}


CSV["aihub_classifiers.csv"] = (
    "model,name,parameters,input,checkpoint,licence,precision,device,runtime,milliseconds,memory_min_mb,memory_max_mb,"
    "compute_unit\n"
    "resnet18,ResNet18,11.7M,224x224,Imagenet,bsd-3-clause,float,Phone,tflite,1.5,0,9,NPU\n"
    "resnet18,ResNet18,11.7M,224x224,Imagenet,bsd-3-clause,w8a8,Board,onnx,0.5,0,3,NPU\n"
    "beit,Beit,,1x3x224x224,Imagenet,bsd-3-clause,float,Phone,tflite,13.3,0,187,CPU\n"
)
for _name in ("imagenet-real", "imagenetv2-matched-frequency", "imagenet-r", "sketch"):
    CSV[f"timm/results-{_name}.csv"] = RESULT + RESNET
for _name in ("fp32-nchw-pt240-cpu-i9_10940x-dynamo", "amp-nchw-pt291-cu128-4090"):
    CSV[f"timm/benchmark-infer-{_name}.csv"] = SPEED


CSV["modelspider_baseline_scores.csv"] = "Dataset,Model,H-Score,LEEP\nPet,resnet50,28.5,-4.31\n"
CSV["lovm_modelgpt_features.csv"] = (
    "dataset,model_fullname,model,IN-score,text-f1,superclass_metric\n"
    "mnist,coca a,coca,0.6,,0.5\npets,coca a,coca,0.6,0.25,0.5\n"
)
CSV["lovm/dataset_domains.json"] = '{"mnist" : "scans",\n"pets": "photograph " "more": "x"}'
CSV["lovm/dataset_tasks.json"] = '{"mnist" : "digits",\n"pets": "breeds"}'
CSV["lovm/classnames/mnist.txt"] = "0\n1"
CSV["lovm/classnames/pets.txt"] = "pug\nbeagle\nposhmark"


def write_tables(folder: Path) -> Path:
    for name, text in CSV.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


COUNTS = {  # data sets, models, pairs measured
    "transfergraph": (12, 180, 2141),
    "modelspider10": (8, 10, 80),
    "modelspider42": (7, 42, 294),
    "parc_all": (7, 65, 424),
    "parc_controlled": (7, 32, 196),
    "sfda_supervised": (11, 11, 121),
    "sfda_selfsupervised": (11, 12, 132),
    "emms_vit": (11, 13, 143),
    "openclip": (38, 121, 4598),
    "lovm": (23, 35, 805),
    "swab": (23, 43, 989),
    "timm": (6, 1556, 9335),
    "aihub": (0, 35, 0),
}
